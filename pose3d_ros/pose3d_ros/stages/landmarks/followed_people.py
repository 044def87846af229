"""Where people who are followed are looked for: in the region that their last reading gives."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.regions import Regions
from pose3d_ros.records import STILL
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.stages.landmarks.landmark_selection import SAME_PERSON
from pose3d_ros.stages.landmarks.landmark_similarity import similarity

_MAX_GAP_NS = 500_000_000
"""After a longer pause between frames nobody is where their last region is."""
_RETRY_NS = 300_000_000
"""How long somebody who is not seen is looked for in the same place: behind a post, or turned into a blur."""


class FollowedPeople:
    """Regions of people of the last frame, with the stamp when each was last seen."""

    def __init__(self) -> None:
        self._regions = Regions.empty()
        self._seen_ns: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._stamp_ns = STILL

    def forget(self) -> None:
        """Follow nobody."""
        self._regions, self._seen_ns, self._stamp_ns = Regions.empty(), np.zeros(0, dtype=np.int64), STILL

    def regions(self, stamp_ns: int) -> Regions:
        """The regions to read in a frame; none in a still image, after a pause, and when the clock goes back."""
        last_ns = self._stamp_ns
        if stamp_ns == STILL or last_ns == STILL or not 0 <= stamp_ns - last_ns <= _MAX_GAP_NS:
            self.forget()
        return self._regions

    def update(self, people: Landmarks, kept: npt.NDArray[np.intp], followed: int, stamp_ns: int) -> None:
        """Follow who was kept of the readings, of which the first `followed` are those of `regions`.

        One that was not kept, and is no double of one who was, is looked for in the same place again for a while.
        """
        unseen = stamp_ns - self._seen_ns[:followed] <= _RETRY_NS
        unseen[kept[kept < followed]] = False
        lost = np.flatnonzero(unseen)
        if len(lost) and len(kept):
            lost = lost[similarity(people)[np.ix_(lost, kept)].max(axis=1) <= SAME_PERSON]
        self._regions = Regions.concatenated([people.next_regions.chosen(kept), self._regions.chosen(lost)])
        self._seen_ns = np.append(np.full(len(kept), stamp_ns, dtype=np.int64), self._seen_ns[lost])
        self._stamp_ns = stamp_ns
