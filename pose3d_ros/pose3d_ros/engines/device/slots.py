"""Inputs of few sizes, each prepared once: what the backends of a GPU share.

The number of people varies from frame to frame, while what makes a run quick (memory, chosen kernels, a recorded graph)
belongs to one size. So batches are filled up to 1, 2, 4, 8, …, and each size gets a slot.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

Shapes = tuple[tuple[int, ...], ...]
"""Of all inputs, in the engine's order."""

MOST_SLOTS = 8
"""Sizes of input that are kept ready; each holds its inputs, its outputs and all between."""


class Prepared(Protocol):
    """One size, ready to run."""

    @property
    def recorded(self) -> bool:
        """Whether a run is one launch of a CUDA graph."""


_Slot = TypeVar("_Slot", bound=Prepared)
_log = logging.getLogger(__name__)


class Slots(Generic[_Slot]):
    """Slots by the shapes of their inputs, made at first use; the one not used for longest gives way.

    name: of the engine, for messages. make: prepares a size.
    """

    def __init__(self, name: str, make: Callable[[Shapes], _Slot], most: int = MOST_SLOTS) -> None:
        self._name, self._make, self._most = name, make, most
        self._slots: dict[Shapes, _Slot] = {}

    def of(self, shapes: Shapes) -> _Slot:
        """The slot of these shapes. Raises what `make` raises."""
        slot = self._slots.pop(shapes, None)
        if slot is None:
            while len(self._slots) >= self._most:
                self._slots.pop(next(iter(self._slots)))
            slot = self._make(shapes)
            if not slot.recorded:
                _log.info("engine %s: no CUDA graph for %s, it runs without one", self._name, shapes)
        self._slots[shapes] = slot
        return slot

    def clear(self) -> None:
        """Free them all."""
        self._slots.clear()


def filled_up(batch: int) -> int:
    """The rows that a batch is filled up to: the next power of two."""
    return 1 << max(batch - 1, 0).bit_length()
