"""Calls of TensorRT with their results checked: it returns False or None where others raise.

TensorRT's Python API from 8.5 to 11 (https://docs.nvidia.com/deeplearning/tensorrt, the repository's python/src).
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Sequence
from typing import Any

from pose3d_ros.engines.failures import failure, failure_of, library_errors
from pose3d_ros.errors import EngineError

_log = logging.getLogger(__name__)

OLDEST = (8, 5)
"""The first version with tensors by name (`set_tensor_address`, `execute_async_v3`)."""
_KEPT_LINES = 20
_FIX = "See docs/tensorrt.md; the backend onnxruntime needs no GPU."

# NumPy's names of what TensorRT calls its types.
_DTYPES = {"FLOAT": "float32", "HALF": "float16", "INT8": "int8", "INT32": "int32", "INT64": "int64",
           "BOOL": "bool", "UINT8": "uint8"}  # fmt: skip


def load_tensorrt() -> Any:
    """The module. Raises EngineError, with what to do, when it is missing, too old or finds no driver."""
    try:
        trt: Any = importlib.import_module("tensorrt")
    except Exception as error:  # a half-installed one fails in many ways
        missing = isinstance(error, ModuleNotFoundError) and error.name == "tensorrt"
        raise _unusable("not installed" if missing else failure(error).got) from error
    if version(trt)[:2] < OLDEST:
        raise _unusable(f"{trt.__version__}, which is too old")
    return trt


def _unusable(got: str) -> EngineError:
    return EngineError(
        "tensorrt",
        expected=f"the Python package, {OLDEST[0]}.{OLDEST[1]} or later",
        got=got,
        fix="Install NVIDIA's TensorRT for Python (JetPack has it), or set the backend to onnxruntime.",
    )


def version(trt: Any) -> tuple[int, ...]:
    """Its numbers: (10, 3, 0) for 10.3.0."""
    return tuple(int(part) for part in str(trt.__version__).split(".")[:3] if part.isdigit())


def dtype_name(trt: Any, dtype: Any) -> str:
    """NumPy's name of a TensorRT type. Raises EngineError for one that NumPy lacks."""
    for theirs, ours in _DTYPES.items():
        if getattr(trt.DataType, theirs, None) == dtype:
            return ours
    raise EngineError(
        "type of a tensor", expected="one of " + ", ".join(_DTYPES.values()), got=str(dtype), fix="Export it again."
    )


_LOGGERS: list[Any] = []
"""Kept for good: TensorRT remembers the first one that it was given for as long as any of its objects lives."""


class Messages:
    """The latest log messages of TensorRT. `logger` is given to its objects."""

    def __init__(self, trt: Any) -> None:
        self._lines: list[str] = []
        lines, errors = self._lines, (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR)

        class Collector(trt.ILogger):  # type: ignore[misc]  # the module is Any
            """Keeps errors; TensorRT calls it from its own threads, and append is atomic."""

            def __init__(self) -> None:
                trt.ILogger.__init__(self)

            def log(self, severity: Any, msg: str) -> None:
                if severity in errors:
                    _log.info("TensorRT: %s", str(msg).strip())
                    lines.append(str(msg).strip())
                    del lines[:-_KEPT_LINES]

        self.logger = Collector()
        _LOGGERS.append(self.logger)

    def told(self, problems: Sequence[str] = ()) -> str:
        """What TensorRT reported last, in our words. problems: texts of its parser, which say more than its log."""
        text = "; ".join(problems) or (self._lines[-1] if self._lines else "")
        if problems:
            _log.info("TensorRT: %s", text)
        found = failure_of(text)
        return found.got if found else "a failure; TensorRT's own text is in the log" if text else "no reason"


def require_success(result: Any, what: str, messages: Messages) -> None:
    """Raises EngineError for False, by which TensorRT reports a failed call."""
    if not result:
        raise EngineError(f"TensorRT's {what}", expected="True", got=f"False: {messages.told()}", fix=_FIX)


def require_object(result: Any, what: str, messages: Messages) -> Any:
    """The object that a call made. Raises EngineError for None, by which TensorRT reports a failure."""
    if result is None:
        raise EngineError(f"TensorRT's {what}", expected="an object", got=f"None: {messages.told()}", fix=_FIX)
    return result


def with_driver(make: Callable[[], Any]) -> Any:
    """Make a Builder or a Runtime. Raises EngineError without a driver, where TensorRT raises TypeError."""
    with library_errors("TensorRT", expected="a GPU and its driver", fix="See nvidia-smi.", kinds=TypeError):
        return make()
