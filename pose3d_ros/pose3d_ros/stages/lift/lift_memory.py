"""Who is who from frame to frame before the tracker, by boxes alone, and what is remembered of each.

A network over time needs each person's own past. The tracker follows people in metres, which only the lifter gives, so
its past hangs on overlap in the image: a row of arrays a person, found again by the box of the frame before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.boxes import iou_matrix
from pose3d_ros.stages.association import assign
from pose3d_ros.types import Array

_MIN_IOU = 0.3
_MAX_GAP_NS = 500_000_000
_FREE = -1

Rows = npt.NDArray[np.intp]
Values = list[npt.NDArray[np.float32]]


class BoxMemory:
    """Rows by person.

    shapes: of the arrays that each person has, float32. A person unseen for more than 0.5 s is forgotten, and everybody
    when the clock goes back. `find` changes nothing of a person: a frame that fails leaves no trace.
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]]) -> None:
        self._shapes = tuple(shapes)
        self.clear()

    def clear(self) -> None:
        """Forget everybody."""
        self._values: Values = [np.zeros((0, *shape), dtype=np.float32) for shape in self._shapes]
        self._boxes_xyxy_px: Array = np.zeros((0, 4))
        self._stamp_ns: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def find(self, boxes_xyxy_px: Array, stamp_ns: int) -> tuple[Rows, npt.NDArray[np.bool_]]:
        """A row for each box (N, 4) of a frame, each row once; and which of them (N,) are those of new people.

        The pairs of boxes and people, each of an IoU above 0.3, whose overlaps beyond 0.3 add up to the most.
        """
        if (self._stamp_ns > stamp_ns).any():
            self.clear()
        self._stamp_ns[self._stamp_ns < stamp_ns - _MAX_GAP_NS] = _FREE
        taken = np.flatnonzero(self._stamp_ns != _FREE)
        rows: Rows = np.full(len(boxes_xyxy_px), -1, dtype=np.intp)
        overlap = iou_matrix(self._boxes_xyxy_px[taken], boxes_xyxy_px)
        for known, box in assign(1.0 - overlap, 1.0 - _MIN_IOU):
            rows[box] = taken[known]
        new = rows < 0
        rows[new] = self._free_rows(int(new.sum()))
        return rows, new

    def read(self, rows: Rows) -> Values:
        """Copies of what is remembered, (N, *shape) each; anything for new people."""
        return [values[rows] for values in self._values]

    def remember(
        self, rows: Rows, boxes_xyxy_px: Array, stamp_ns: int, values: Sequence[npt.NDArray[np.floating]]
    ) -> None:
        """Make this frame the last one of the people in `rows`."""
        self._boxes_xyxy_px[rows], self._stamp_ns[rows] = boxes_xyxy_px, stamp_ns
        for kept, value in zip(self._values, values, strict=True):
            kept[rows] = value

    def _free_rows(self, count: int) -> Rows:
        """That many rows that are nobody's, new ones behind the others if need be."""
        free = np.flatnonzero(self._stamp_ns == _FREE)
        more = max(count - len(free), 0)
        if more:
            free = np.append(free, len(self._stamp_ns) + np.arange(more))
            self._values = [np.pad(v, [(0, more), *[(0, 0)] * (v.ndim - 1)]) for v in self._values]
            self._boxes_xyxy_px = np.pad(self._boxes_xyxy_px, ((0, more), (0, 0)))
            self._stamp_ns = np.pad(self._stamp_ns, (0, more), constant_values=_FREE)
        return free[:count]
