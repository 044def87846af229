"""Arrays that engines take and give, in the memory of the host or of a device, and what goes wrong with the latter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
def cuda_errors(subject: str, expected: str) -> Iterator[None]:
    """PyTorch's RuntimeError, which it raises for every failure of CUDA, becomes an EngineError."""
    try:
        yield
    except RuntimeError as error:
        raise EngineError(
            subject,
            expected=expected,
            got=first_line(error),
            fix="See nvidia-smi; the backend onnxruntime needs no GPU.",
        ) from error


def first_line(error: Exception) -> str:
    """What an error says in its first line, or its type where it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
