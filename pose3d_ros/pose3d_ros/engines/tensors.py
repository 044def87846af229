"""Arrays that engines take and give, in the memory of the host or of a device."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Tensor = npt.NDArray[Any]
"""An array of any dtype; its TensorSpec says which."""


@runtime_checkable
class DeviceArray(Protocol):
    """An array in a device's memory, as an engine there reads it."""

    @property
    def shape(self) -> tuple[int, ...]: ...

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
