"""Arrays that engines take and give, in the memory of the host or of a device, and what goes wrong with the latter."""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.failures import library_errors

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


def cuda_errors(subject: str, expected: str) -> AbstractContextManager[None]:
    """PyTorch's RuntimeError, which it raises for every failure of CUDA, becomes an EngineError."""
    fix = "See nvidia-smi; the backend onnxruntime needs no GPU."
    return library_errors(subject, expected=expected, fix=fix, kinds=RuntimeError)


def import_package(name: str, fix: str) -> Any:
    """The module of a package. Raises EngineError when it can't be imported."""
    with library_errors(name, expected="an installed package", fix=fix, kinds=ImportError):
        return importlib.import_module(name)
