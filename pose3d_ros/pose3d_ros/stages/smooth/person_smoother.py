"""What every smoothing method is, and what all of them keep of people over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

import numpy as np

from pose3d_ros.config.settings import SmootherConfig
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Person, TrackState, time_after
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array

_SEEN = (TrackState.NEW, TrackState.TRACKED)
_S = TypeVar("_S")


class PersonSmoother(Protocol):
    """People in, the same people smoothed over time out. `config` may be replaced between frames."""

    config: SmootherConfig

    @property
    def delay_frames(self) -> int:
        """Frames by which the smoothed pose lags behind the measured one on purpose."""

    def why_unsmoothed(self, people: Skeleton) -> str | None:
        """Why people of that skeleton are left as they are; None where they are smoothed."""

    def update(
        self,
        people: Sequence[Person],
        stamp_ns: int,
        camera: Camera | None = None,
        ground: GroundPlane | None = None,
    ) -> tuple[Person, ...]:
        """The same people in the same order, those seen in this frame smoothed.

        Joints stay NaN where they were; PREDICTED and LOST people, and any behind the camera, pass unchanged. With a
        camera the pixels are those of the smoothed joints, else the measured ones stay. ground: the floor in the
        camera's optical frame, where it is known. A clock that goes back (see `time_after`) drops all pasts; a person
        unseen for more than max_gap_s, or in another skeleton than before, starts afresh.
        """

    def reset(self) -> None:
        """Drop all people's pasts."""


class TrackMemory(Generic[_S]):
    """What a method keeps of each person, for as long as it counts."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[int, _S]] = {}
        self._stamp_ns: int | None = None

    def begin_frame(self, people: Sequence[Person], stamp_ns: int, max_gap_s: float) -> int:
        """The time at which a frame counts. Forgets who is LOST or was not seen for longer, all if the clock went back.

        people: of the frame.
        """
        now_ns = time_after(self._stamp_ns, stamp_ns)
        if now_ns is None:
            self.reset()
        self._stamp_ns = time_ns = stamp_ns if now_ns is None else now_ns
        oldest_ns = time_ns - round(max_gap_s * 1e9)
        lost = {person.track_id for person in people if person.state == TrackState.LOST}
        self._kept = {i: kept for i, kept in self._kept.items() if kept[0] >= oldest_ns and i not in lost}
        return time_ns

    def get(self, track_id: int) -> _S | None:
        """What is kept of a person."""
        kept = self._kept.get(track_id)
        return None if kept is None else kept[1]

    def put(self, track_id: int, kept: _S) -> None:
        """Keep that of a person who was seen in this frame."""
        if self._stamp_ns is not None:
            self._kept[track_id] = (self._stamp_ns, kept)

    def reset(self) -> None:
        """Forget everyone, and the time."""
        self._kept, self._stamp_ns = {}, None


class RememberingSmoother(Generic[_S]):
    """A `PersonSmoother` but for its `update`: it keeps something of each person, and takes every skeleton."""

    def __init__(self, config: SmootherConfig | None = None) -> None:
        self.config = config or SmootherConfig()
        self._memory = TrackMemory[_S]()

    @property
    def delay_frames(self) -> int:
        """See `PersonSmoother`."""
        return 0

    def why_unsmoothed(self, people: Skeleton) -> str | None:
        """See `PersonSmoother`."""
        return None

    def reset(self) -> None:
        """See `PersonSmoother`."""
        self._memory.reset()


def is_ahead(root_m: Array) -> bool:
    """Whether a root (3,) is before the camera."""
    return bool(np.isfinite(root_m).all() and root_m[2] > 0)


def is_measured(person: Person) -> bool:
    """Whether a person was seen in this frame, and before the camera."""
    return person.state in _SEEN and is_ahead(person.pose.root_cam_m)


def moved_person(person: Person, root_cam_m: Array, joints_cam_m: Array, camera: Camera | None) -> Person:
    """The person with its root (3,) and joints (J, 3) there; with a camera its pixels, too."""
    joints_img_px = person.pose.joints_img_px if camera is None else camera.project(joints_cam_m)
    pose = replace(person.pose, root_cam_m=root_cam_m, joints_cam_m=joints_cam_m, joints_img_px=joints_img_px)
    return replace(person, pose=pose)
