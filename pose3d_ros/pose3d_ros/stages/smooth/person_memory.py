"""What the smoother remembers of each person, as rows of arrays so that a frame is one batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from pose3d_ros.types import Array

_FIRST_CAPACITY = 8

Rows = npt.NDArray[np.intp]


class PersonMemory:
    """Rows by person.

    states: (capacity, C_l, R_l) float32 of each layer. relative_m (capacity, J, 3), root_m (capacity, 3): the person's
    previous frame, relative joints with missing ones held. stamp_ns (capacity,): its time, -1 before the first.
    A row that is free or new is zero.
    """

    def __init__(self, joints: int, state_shapes: Sequence[tuple[int, ...]]) -> None:
        self._rows: dict[int, int] = {}
        self.states: list[npt.NDArray[np.float32]] = [
            np.zeros((_FIRST_CAPACITY, *shape), dtype=np.float32) for shape in state_shapes
        ]
        self.relative_m: Array = np.zeros((_FIRST_CAPACITY, joints, 3))
        self.root_m: Array = np.zeros((_FIRST_CAPACITY, 3))
        self.stamp_ns: npt.NDArray[np.int64] = np.full(_FIRST_CAPACITY, -1, dtype=np.int64)

    def rows(self, track_ids: Iterable[int]) -> Rows:
        """The people's rows, new ones for those who have none."""
        return np.array([self._row(track_id) for track_id in track_ids], dtype=np.intp)

    def remember(self, rows: Rows, relative_m: Array, root_m: Array, stamp_ns: int) -> None:
        """Make this frame the previous one of the people in `rows`."""
        self.relative_m[rows], self.root_m[rows], self.stamp_ns[rows] = relative_m, root_m, stamp_ns

    def forget(self, track_ids: Iterable[int]) -> None:
        """Free the people's rows; unknown ones are fine."""
        for track_id in track_ids:
            row = self._rows.pop(track_id, None)
            if row is not None:
                self._wipe(row)

    def forget_before(self, stamp_ns: int) -> None:
        """Free the rows of people last seen before that time."""
        self.forget([t for t, row in self._rows.items() if self.stamp_ns[row] < stamp_ns])

    def clear(self) -> None:
        """Forget everybody."""
        self.forget(list(self._rows))

    def _row(self, track_id: int) -> int:
        if track_id not in self._rows:
            taken = set(self._rows.values())
            free = next((i for i in range(len(self.stamp_ns)) if i not in taken), None)
            if free is None:
                free = len(self.stamp_ns)
                self._grow()
            self._rows[track_id] = free
        return self._rows[track_id]

    def _grow(self) -> None:
        self.states = [np.concatenate((s, np.zeros_like(s)), dtype=np.float32) for s in self.states]
        self.relative_m = np.concatenate((self.relative_m, np.zeros_like(self.relative_m)))
        self.root_m = np.concatenate((self.root_m, np.zeros_like(self.root_m)))
        self.stamp_ns = np.concatenate((self.stamp_ns, np.full_like(self.stamp_ns, -1)), dtype=np.int64)

    def _wipe(self, row: int) -> None:
        for state in self.states:
            state[row] = 0.0
        self.relative_m[row] = 0.0
        self.root_m[row] = 0.0
        self.stamp_ns[row] = -1
