"""People some frames late, smoothed from both sides: a parabola fitted to the frames before and after (fixed lag)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Person, Pose, time_after
from pose3d_ros.stages.smooth.person_smoother import is_measured, moved_person
from pose3d_ros.types import Array

_LEAST_OF_PARABOLA = 3
"""Frames on both sides from which a parabola is fitted: with fewer it passes through the errors, a line does not."""


@dataclass(frozen=True, eq=False)
class TimedPeople:
    """The people of a frame, and its camera where it is known."""

    stamp_ns: int
    people: tuple[Person, ...]
    camera: Camera | None = None


class Lookahead:
    """Keeps frames until those after them have come."""

    def __init__(self) -> None:
        self._frames: deque[TimedPeople] = deque()

    def reset(self) -> None:
        """Forget the frames that wait; they don't come out."""
        self._frames.clear()

    def __call__(self, frame: TimedPeople, lookahead_frames: int, max_gap_s: float) -> TimedPeople | None:
        """The frame lookahead_frames before this one with its people smoothed, None while there is none.

        Only frames count in which a person was measured, in one skeleton, without a gap of more than max_gap_s. People
        who were not measured in the frame that comes out are as they were in it.
        """
        if self._frames and time_after(self._frames[-1].stamp_ns, frame.stamp_ns) is None:
            self.reset()
        self._frames.append(frame)
        if len(self._frames) > 2 * lookahead_frames + 1:
            self._frames.popleft()
        at = len(self._frames) - 1 - lookahead_frames
        if at < 0:
            return None
        late = self._frames[at]
        people = tuple(self._smoothed(p, at, max_gap_s) if is_measured(p) else p for p in late.people)
        return TimedPeople(late.stamp_ns, people, late.camera)

    def _smoothed(self, person: Person, at: int, max_gap_s: float) -> Person:
        poses, times_s, own = self._around(person, at, max_gap_s)
        weights = _weights(times_s, own)
        root_m = weights @ np.array([pose.root_cam_m for pose in poses])
        relative = np.array([pose.joints_cam_m - pose.root_cam_m for pose in poses])
        held = np.where(np.isfinite(relative), relative, relative[own])
        joints_m = root_m + np.tensordot(weights, held, 1)
        return moved_person(person, root_m, joints_m, self._frames[at].camera)

    def _around(self, person: Person, at: int, max_gap_s: float) -> tuple[list[Pose], Array, int]:
        """A person's poses in the frames about one, their times from it in seconds, and which of them is its own."""
        found = [(i, pose) for i, f in enumerate(self._frames) if (pose := _pose_of(person, f.people)) is not None]
        times_s = np.array([(self._frames[i].stamp_ns - self._frames[at].stamp_ns) * 1e-9 for i, _ in found])
        own = [i for i, _ in found].index(at)
        gaps = np.flatnonzero(np.diff(times_s) > max_gap_s)
        first = max((int(g) + 1 for g in gaps if g < own), default=0)
        last = min((int(g) + 1 for g in gaps if g >= own), default=len(found))
        return [pose for _, pose in found[first:last]], times_s[first:last], own - first


def _pose_of(person: Person, people: Sequence[Person]) -> Pose | None:
    """The same person's pose among others, in the same skeleton."""
    for other in people:
        if other.track_id == person.track_id:
            same = other.pose.skeleton.name == person.pose.skeleton.name
            return other.pose if same and is_measured(other) else None
    return None


def _weights(times_s: Array, own: int) -> Array:
    """What each of the frames at times_s (F,) counts (F,) for the value at time 0 of the polynomial fitted to them."""
    sides = min(own, len(times_s) - 1 - own)
    order = 2 if sides >= _LEAST_OF_PARABOLA else 1 if sides else 0
    if order == 0:  # a line's end is no better than what was measured there
        return np.asarray(np.arange(len(times_s)) == own, dtype=np.float64)
    return np.asarray(np.linalg.pinv(np.vander(times_s, order + 1, increasing=True))[0])
