"""Association of people from frame to frame before the tracker, by boxes alone, with each person's past.

A network over time needs each person's own past. The tracker follows people in metres, which only the lifter gives, so
its past hangs on overlap in the image: a person is found again by the box of the frame before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.boxes import iou_matrix
from pose3d_ros.stages.association import assign
from pose3d_ros.types import Array

_MIN_IOU = 0.3
_MAX_GAP_NS = 500_000_000

Values = list[npt.NDArray[np.floating]]


@dataclass(frozen=True, eq=False)
class Remembered:
    """A person's box (4,), when it was seen, and the person's own arrays."""

    box_xyxy_px: Array
    stamp_ns: int
    values: Values


class BoxMemory:
    """Keeps people's pasts; drops who is unseen for more than 0.5 s, and all people when the clock goes back."""

    def __init__(self) -> None:
        self._people: list[Remembered] = []

    def clear(self) -> None:
        """Drop all people."""
        self._people = []

    def find(self, boxes_xyxy_px: Array, stamp_ns: int) -> list[Remembered | None]:
        """The person in each box (N, 4), each at most once; None for a new one. A frame that fails changes nothing.

        The pairs of boxes and people, each of an IoU above 0.3, whose overlaps beyond 0.3 add up to the most.
        """
        if any(person.stamp_ns > stamp_ns for person in self._people):
            self.clear()
        self._people = [person for person in self._people if person.stamp_ns >= stamp_ns - _MAX_GAP_NS]
        before = np.array([person.box_xyxy_px for person in self._people]).reshape(-1, 4)
        found: list[Remembered | None] = [None] * len(boxes_xyxy_px)
        for known, box in assign(1.0 - iou_matrix(before, boxes_xyxy_px), 1.0 - _MIN_IOU):
            found[box] = self._people[known]
        return found

    def remember(
        self,
        found: Sequence[Remembered | None],
        boxes_xyxy_px: Array,
        stamp_ns: int,
        values: Sequence[npt.NDArray[np.floating]],
    ) -> None:
        """Make this frame the last one of the people that were found. values: (N, …) each."""
        self._people = [person for person in self._people if person not in found]
        self._people += [Remembered(box, stamp_ns, [v[i] for v in values]) for i, box in enumerate(boxes_xyxy_px)]
