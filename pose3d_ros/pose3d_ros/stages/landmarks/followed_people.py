"""Where people who are followed are looked for: in the region that their last reading gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.regions import Regions, region_distances
from pose3d_ros.records import STILL
from pose3d_ros.stages.association import assign
from pose3d_ros.stages.landmarks.learned_distance import LearnedDistances
from pose3d_ros.types import Array

_MAX_GAP_NS = 500_000_000
"""After a longer pause between frames no person is where the last region is."""
_RETRY_NS = 1_000_000_000
"""How long a person who is not seen is looked for where they should be by now: behind others, or a blur."""
_RETRY_EVERY_NS = 95_000_000
"""Between two readings for a person who is not seen."""
_HIDDEN = 0.15
"""Distance to the region of someone who is seen, up to which a reading would be of that one."""
_NEWEST = 0.3
"""Share of the last step in a person's velocity."""
_FOLLOWED = 0.6
"""Distance of a region from a person's last one up to which it may show that person."""
_SAME = 0.3
"""Distance of regions that are of one person."""


class FollowedPeople:
    """Regions of people of the last frame, how they move, when each was last seen, and what is known of distances."""

    def __init__(self) -> None:
        self._regions = Regions.empty()
        self._learned = LearnedDistances.unknown(0)
        self._velocities_pxps: Array = np.zeros((0, 2))
        self._seen_ns: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._read_ns: npt.NDArray[np.int64] = self._seen_ns
        self._stamp_ns = STILL

    def forget(self) -> None:
        """Follow no one."""
        self._regions, self._velocities_pxps = Regions.empty(), np.zeros((0, 2))
        self._seen_ns, self._stamp_ns = np.zeros(0, dtype=np.int64), STILL
        self._read_ns = self._seen_ns
        self._learned = LearnedDistances.unknown(0)

    def regions(self, stamp_ns: int) -> Regions:
        """The regions to read in a frame; none in a still image, after a pause, and when the clock goes back.

        Those of who was seen, and now and then of who was not, unless someone else is seen there: a reading would be of
        that one.
        """
        last_ns = self._stamp_ns
        if stamp_ns == STILL or last_ns == STILL or not 0 <= stamp_ns - last_ns <= _MAX_GAP_NS:
            self.forget()
        due = self._seen_ns == self._stamp_ns
        if not due.all():
            hidden = (region_distances(self._regions, self.present) < _HIDDEN).any(axis=1)
            due |= (stamp_ns - self._read_ns >= _RETRY_EVERY_NS) & ~hidden
            self._sort(np.argsort(~due, kind="stable"))
        count = int(due.sum())
        self._read_ns[:count] = stamp_ns
        return self._regions.chosen(np.arange(count))

    @property
    def present(self) -> Regions:
        """The regions of those who were seen in the last frame."""
        return self._regions.chosen(self._seen_ns == self._stamp_ns)

    def lost(self, seen: Regions) -> npt.NDArray[np.intp]:
        """Indices of those of the last frame who are none of those seen in this one, by the regions that show these."""
        before = np.flatnonzero(self._seen_ns == self._stamp_ns)
        if not len(before):
            return before
        again = assign(region_distances(self._regions.chosen(before), seen), _FOLLOWED)
        return np.delete(before, [row for row, _ in again])

    def known(self, seen: Regions, followed: int) -> npt.NDArray[np.intp]:
        """Of each region that shows someone who was found otherwise, the index in what `regions` gave, see `update`."""
        kept = followed + np.arange(len(seen))
        before = self._regions.chosen(np.arange(followed))
        for row, column in assign(region_distances(before, seen), _FOLLOWED):
            kept[column] = row
        return kept

    def learned_of(self, seen: Regions, kept: npt.NDArray[np.intp], followed: int, stamp_ns: int) -> LearnedDistances:
        """What is known of the distances of who is seen, see `update`.

        Of new people it is nothing, and due in the next frame: this one does enough for them.
        """
        unknown = LearnedDistances.unknown(max(len(kept), 1), stamp_ns + 1)
        if not len(self._regions) or not len(kept):
            return unknown.chosen(np.arange(len(kept)))
        apart = region_distances(seen, self._regions)
        owners = np.where(kept < followed, kept, apart.argmin(axis=1))
        known = (kept < followed) | (apart.min(axis=1) < _SAME)
        return LearnedDistances.concatenated([self._learned, unknown]).chosen(
            np.where(known, owners, len(self._regions))
        )

    def update(
        self,
        seen: Regions,
        kept: npt.NDArray[np.intp],
        followed: int,
        stamp_ns: int,
        camera: Camera,
        learned: LearnedDistances | None = None,
    ) -> None:
        """Follow who was seen, in regions that show them.

        kept: of each of them the index in what `regions` gave, at least `followed`, their number, of who is new.
        learned: of those who were kept, nothing unless given.
        One that was not kept goes on as before for a while, as long as that is in the camera's image: who walks behind
        another comes out on the other side. Who is new where one of those should be, is that one.
        """
        elapsed_s = max((stamp_ns - self._stamp_ns) * 1e-9, 1e-3)
        lost = stamp_ns - self._seen_ns <= _RETRY_NS
        lost[kept[kept < followed]] = False
        velocities = np.zeros((len(kept), 2))
        again = kept < followed
        before = kept[again]
        steps = (seen.centers_px[again] - self._regions.centers_px[before]) / elapsed_s
        velocities[again] = self._velocities_pxps[before] + _NEWEST * (steps - self._velocities_pxps[before])
        apart = region_distances(seen.chosen(~again), self._regions)
        lost[[row for _, row in assign(np.where(lost, apart, np.inf), _SAME)]] = False
        gone = self._regions.chosen(lost)
        moved = replace(gone, centers_px=gone.centers_px + elapsed_s * self._velocities_pxps[lost])
        size_px = camera.width_px, camera.height_px
        inside = np.flatnonzero(((moved.centers_px >= 0) & (moved.centers_px < size_px)).all(axis=1))
        still = np.flatnonzero(lost)[inside]
        self._regions = Regions.concatenated([seen, moved.chosen(inside)])
        self._velocities_pxps = np.concatenate([velocities, self._velocities_pxps[still]])
        learned = learned or LearnedDistances.unknown(len(kept))
        self._learned = LearnedDistances.concatenated([learned, self._learned.chosen(still)])
        seen_ns = np.full(len(kept), stamp_ns, dtype=np.int64)
        self._read_ns = np.append(seen_ns, self._read_ns[still])
        self._seen_ns = np.append(seen_ns, self._seen_ns[still])
        self._stamp_ns = stamp_ns

    def _sort(self, order: npt.NDArray[np.intp]) -> None:
        self._regions, self._learned = self._regions.chosen(order), self._learned.chosen(order)
        self._velocities_pxps = self._velocities_pxps[order]
        self._seen_ns, self._read_ns = self._seen_ns[order], self._read_ns[order]
