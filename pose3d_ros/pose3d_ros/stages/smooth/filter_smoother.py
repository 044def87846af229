"""Smoothing by a filter of points: one of the root, one of the joints relative to it, for each person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pose3d_ros.config.settings import SmootherConfig
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Person
from pose3d_ros.stages.smooth.person_smoother import RememberingSmoother, is_measured, moved_person
from pose3d_ros.types import Array


class PointFilter(Protocol):
    """Filters points over time."""

    def __call__(self, points_m: Array, dt_s: float) -> Array:
        """Points (N, 3), NaN where there is none → filtered ones, NaN for the same. dt_s: since the call before."""


@dataclass(frozen=True, eq=False)
class _Filters:
    root: PointFilter
    joints: PointFilter
    stamp_ns: int
    skeleton: str


class FilterSmoother(RememberingSmoother[_Filters]):
    """A `PersonSmoother` of filters of points; root_filter and joint_filter make those of a person."""

    def __init__(
        self,
        root_filter: Callable[[], PointFilter],
        joint_filter: Callable[[], PointFilter],
        config: SmootherConfig | None = None,
    ) -> None:
        super().__init__(config)
        self._new = root_filter, joint_filter

    def update(
        self,
        people: Sequence[Person],
        stamp_ns: int,
        camera: Camera | None = None,
        ground: GroundPlane | None = None,
    ) -> tuple[Person, ...]:
        """See `PersonSmoother`."""
        now_ns = self._memory.begin_frame(people, stamp_ns, self.config.max_gap_s)
        return tuple(self._smoothed(p, now_ns, camera) if is_measured(p) else p for p in people)

    def _smoothed(self, person: Person, now_ns: int, camera: Camera | None) -> Person:
        pose, past = person.pose, self._memory.get(person.track_id)
        if past is None or past.skeleton != pose.skeleton.name:
            past = _Filters(self._new[0](), self._new[1](), now_ns, pose.skeleton.name)
        dt_s = (now_ns - past.stamp_ns) * 1e-9
        root_m = past.root(pose.root_cam_m[None], dt_s)[0]
        joints_m = root_m + past.joints(pose.joints_cam_m - pose.root_cam_m, dt_s)
        self._memory.put(person.track_id, _Filters(past.root, past.joints, now_ns, past.skeleton))
        return moved_person(person, root_m, joints_m, camera)
