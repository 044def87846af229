"""Joints that two views have of a person at the same time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose3d_ros.types import Array
from pose3d_training.multiview.relative_pose import some_of
from pose3d_training.multiview.view_tracks import Mask, ViewTrack, person_sizes

TOLERANCE = 0.02
"""Of a person's height: how far a 2D joint may be off its epipolar line. 2D nets err by 1–2% of it."""


@dataclass(frozen=True, eq=False)
class Correspondences:
    """N pairs of keypoints (N, 2) on the planes z = 1, and how far each pair may be off (N,).

    seen: (T, J), which joint at which time of the first track each pair is of, in that order.
    """

    first: Array
    second: Array
    tolerance: Array
    seen: Mask

    def thinned(self, most: int) -> Correspondences:
        """At most so many of the pairs; `seen` is of those that are left."""
        if len(self.first) <= most:
            return self
        kept = some_of(len(self.first), most)
        rows, joints = np.nonzero(self.seen)
        seen = np.zeros_like(self.seen)
        seen[rows[kept], joints[kept]] = True
        return Correspondences(self.first[kept], self.second[kept], self.tolerance[kept], seen)


def correspondences(first: ViewTrack, second: ViewTrack, offset_s: float) -> Correspondences:
    """What two tracks have in common, were they one person.

    offset_s: of the second view's clock: what it shows at its time s, the first shows at s + offset. The second's
    keypoints are interpolated at the times of the first.
    """
    other = second.at(first.times_s - offset_s)
    limits = TOLERANCE * np.hypot(person_sizes(first.keypoints), person_sizes(other))
    seen: Mask = np.isfinite((first.keypoints + other).sum(axis=-1)) & np.isfinite(limits)[:, None]
    tolerance = np.broadcast_to(limits[:, None], seen.shape)[seen]
    return Correspondences(first.keypoints[seen], other[seen], tolerance, seen)


def together(parts: list[Correspondences]) -> Correspondences:
    """All pairs of several tracks; `seen` is that of the last one and means nothing."""
    first, second = (np.concatenate([getattr(part, name) for part in parts]) for name in ("first", "second"))
    return Correspondences(first, second, np.concatenate([part.tolerance for part in parts]), parts[-1].seen)
