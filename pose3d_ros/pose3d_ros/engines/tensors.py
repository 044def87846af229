"""Arrays that engines take and give, in the memory of the host or of a device, and what goes wrong with the latter."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import EngineError

Tensor = npt.NDArray[Any]
"""An array of any dtype; its TensorSpec says which."""


@runtime_checkable
class DeviceArray(Protocol):
    """An array in a device's memory, as an engine there reads it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of its axes."""

    @property
    def dtype(self) -> str:
        """NumPy's name of it."""

    def numpy(self) -> Tensor:
        """A copy in the host's memory, once what makes it is done. Raises EngineError when the device fails."""


Feed = Tensor | DeviceArray
"""What an engine may be fed."""


def on_host(feed: Feed) -> Tensor:
    """The array, copied from its device if it lies on one."""
    return feed if isinstance(feed, np.ndarray) else feed.numpy()


@contextmanager
def library_errors(
    subject: str, *, expected: str, fix: str, kinds: type[Exception] | tuple[type[Exception], ...] = Exception
) -> Iterator[None]:
    """What a library raises inside becomes an EngineError. kinds: of which classes; libraries raise many."""
    try:
        yield
    except kinds as error:
        raise EngineError(subject, expected=expected, got=first_line(error), fix=fix) from error


def cuda_errors(subject: str, expected: str) -> AbstractContextManager[None]:
    """PyTorch's RuntimeError, which it raises for every failure of CUDA, becomes an EngineError."""
    fix = "See nvidia-smi; the backend onnxruntime needs no GPU."
    return library_errors(subject, expected=expected, fix=fix, kinds=RuntimeError)


def import_package(name: str, fix: str) -> Any:
    """The module of a package. Raises EngineError when it can't be imported."""
    with library_errors(name, expected="an installed package", fix=fix, kinds=ImportError):
        return importlib.import_module(name)


def require_file(path: Path, kind: str) -> None:
    """Raise EngineError where there is no file. kind: such as `an ONNX file`."""
    if not path.is_file():
        raise EngineError(f"engine {path}", expected=kind, got="no such file", fix="Check the path in the manifest.")


def first_line(error: Exception) -> str:
    """What an error says in its first line, or its type where it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
