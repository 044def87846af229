"""What libraries' errors mean, in our words: their own texts advise what we would not, and change by version."""

from __future__ import annotations

import logging
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from pose3d_ros.errors import EngineError, Pose3DError
from pose3d_ros.reading.files import in_words

_log = logging.getLogger(__name__)

_NEWER = "Update it (pip install --upgrade onnxruntime onnx), or export the model with opset 17 and an older onnx."
_STANDARD = "Export it with the standard operators of ONNX, for ONNX Runtime."
_MOST_CHARACTERS = 20_000
_OF_CONTENT = (
    LookupError,
    ValueError,
    TypeError,
    OverflowError,
    AssertionError,
    EOFError,
    AttributeError,
    RecursionError,
    struct.error,
)
"""What Python's own functions raise about content that they do not expect."""


class UnfitError(ValueError):
    """Content that does not fit, raised by a reader of ours with words that an error may show."""


class Failure(NamedTuple):
    """got: what came. fix: what helps against it, empty where only the caller knows."""

    got: str
    fix: str = ""


_KNOWN: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), got, fix)
    for pattern, got, fix in (
        # ONNX Runtime
        (
            r"Unsupported model IR version: (\d+), max supported IR version: (\d+)",
            r"a graph of IR version \1, where the installed onnxruntime reads up to \2",
            _NEWER,
        ),
        (
            r"Opset (\d+) is under development[\s\S]*?till opset (\d+)",
            r"a graph of opset \1, where the installed onnxruntime reads up to \2",
            _NEWER,
        ),
        (r"ir_version (\d+) is higher than the checker's \((\d+)\)", r"a graph of IR version \1, where the installed "
         r"onnx reads up to \2", _NEWER),
        (
            r"No Op registered for ([\w:.]+) with domain_version of (\d+)",
            r"the operator \1 in opset \2, which the installed version lacks",
            _STANDARD,
        ),
        (r"([\w:.]+)\(-?\d+\) is not a registered function/op", r"the operator \1, which is none of ONNX's", _STANDARD),
        (
            r"Could not find an implementation for ([\w:.]+)\(",
            r"the operator \1 for types that the installed onnxruntime has no kernel for",
            "Export it in float32.",
        ),
        (
            r"No importer registered for op: ([\w:.]+)",
            r"the operator \1, which this TensorRT lacks",
            "Export it with opset 17, or run it on onnxruntime.",
        ),
        (r"operation_type='([\w.]+)'", r"the operator \1, which onnx2torch lacks", "Use the backend onnxruntime."),
        (r"Protobuf parsing failed|InvalidProtobuf|DecodeError", "bytes that are no ONNX graph, or damaged ones", ""),
        (r"Got invalid dimensions for input", "shapes that the graph does not take", ""),
        (r"invalid model|InvalidGraph|ValidationError|InferenceError|Type Error|ShapeInferenceError",
         "a graph that contradicts itself or the rules of ONNX", ""),
        (r"^(BadZipFile|ReadError|error: Error -\d)|CompressionError|incorrect header check", "a damaged archive", ""),
        # memory, on the host and on a GPU
        (r"CUDA out of memory|CUDA error: out of memory|CUDNN_STATUS_ALLOC_FAILED", "too little memory on the GPU",
         "Stop what else uses it, or set the backend to onnxruntime."),
        (
            r"bad[ _]alloc|MemoryError|not enough memory|(can't|cannot|failed to) allocate|out of memory",
            "too little memory",
            "",
        ),
        # GPUs
        (r"no kernel image is available", "a GPU that this build has no kernels for", ""),
        (r"Found no NVIDIA driver|driver version is insufficient|CUDA driver", "no fitting driver of the GPU", ""),
        (r"CUDA error|CUDNN_STATUS|CUBLAS_STATUS|illegal memory access|device-side assert", "an error of CUDA", ""),
        (r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object", r"the library \1 is not installed", ""),
    )
)  # fmt: skip
"""What a text contains → what that means, and what helps."""


def failure(error: BaseException) -> Failure:
    """What an error of a library means; the text itself goes to the log, at the level debug."""
    if isinstance(error, Pose3DError):
        return Failure(error.got, error.fix)
    if isinstance(error, UnfitError):
        return Failure(str(error))
    if isinstance(error, MemoryError):
        return Failure("too little memory")
    if isinstance(error, OSError) and error.errno is not None:
        return Failure(in_words(error))
    if isinstance(error, ModuleNotFoundError) and error.name:
        return Failure(f"no Python package {error.name}")
    text = f"{type(error).__name__}: {error}"[:_MOST_CHARACTERS]
    _log.debug("%s", text)
    if isinstance(error, _OF_CONTENT) and type(error).__module__ in ("builtins", "struct"):
        return Failure("damaged or unexpected content")
    return failure_of(text) or Failure(f"an error ({type(error).__name__} of {_library(error)})")


def failure_of(text: str) -> Failure | None:
    """What a library's message means, None for one that is not known."""
    for pattern, got, fix in _KNOWN:
        if found := pattern.search(text):
            return Failure(found.expand(got), fix)
    return None


@contextmanager
def library_errors(
    subject: str, *, expected: str, fix: str, kinds: type[Exception] | tuple[type[Exception], ...] = Exception
) -> Iterator[None]:
    """What a library raises inside becomes an EngineError in our words. kinds: of which classes; libraries raise many.

    fix: for what has no better remedy. Our own errors pass.
    """
    try:
        yield
    except Pose3DError:
        raise
    except kinds as error:
        found = failure(error)
        raise EngineError(subject, expected=expected, got=found.got, fix=found.fix or fix) from error


def _library(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0].replace("builtins", "Python")
