"""The floor that the page draws: the one that is known, else the one that people's feet stand on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np

from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Person, Pose, TrackState
from pose3d_ros.stages.roots.floor_estimate import body_axis, fitted_plane
from pose3d_ros.stages.roots.ground_contact import foot_points
from pose3d_ros.types import Array
from pose3d_ros.viewer.shown_frame import ShownFrame

_USUAL_HEIGHT_M = 1.2
_MOST_POINTS = 600
_EVERY_NS, _SOLVE_NS = 300_000_000, 2_000_000_000
_TILT_RAD, _HEIGHT_M = float(np.deg2rad(1.5)), 0.06
"""By so much a new estimate must differ for the scene to move."""
_FEET = ("Toe", "Heel", "Ankle")
_SOLE_M = 0.05


class ShownFloor:
    """Follows frames; `plane` is the floor, and `origin` says where it is from.

    given: what the user says it is, which counts before all else.
    """

    def __init__(self, given: GroundPlane | None = None) -> None:
        self._given = given
        self.plane = given if given is not None else GroundPlane.of_mounting(_USUAL_HEIGHT_M)
        self.origin = "given" if given is not None else "unknown: a level camera is assumed"
        self._points: deque[tuple[int, Array, Array]] = deque(maxlen=_MOST_POINTS)
        self._lowest_m: deque[float] = deque(maxlen=_MOST_POINTS)
        self._newest_ns: dict[int, int] = {}
        self._solved_ns: int | None = None

    def follow_all(self, frames: Iterable[ShownFrame]) -> None:
        """Take in all frames of a recording and solve once."""
        last_ns = 0
        for frame in frames:
            self._take_in(frame)
            last_ns = frame.stamp_ns
        self._solved_ns = None
        self._solve(last_ns)

    def follow(self, frame: ShownFrame) -> bool:
        """Take in a frame; whether the floor has become another one."""
        before = self.plane
        if self._given is None:
            self._take_in(frame)
            if frame.ground is None:
                self._solve(frame.stamp_ns)
        return self.plane is not before

    def _take_in(self, frame: ShownFrame) -> None:
        if self._given is not None:
            return
        if frame.ground is not None:
            self._replace(frame.ground, {"people": "from people's feet"}.get(frame.ground.origin, frame.ground.origin))
            return
        for person in frame.people:
            if frame.camera is not None and self._is_due(person, frame.stamp_ns):
                self._add(person.track_id, person.pose, frame.camera)

    def _is_due(self, person: Person, stamp_ns: int) -> bool:
        last_ns = self._newest_ns.get(person.track_id)
        if person.state != TrackState.TRACKED or (last_ns is not None and 0 <= stamp_ns - last_ns < _EVERY_NS):
            return False
        self._newest_ns = {**dict(list(self._newest_ns.items())[-100:]), person.track_id: stamp_ns}
        return True

    def _add(self, track_id: int, pose: Pose, camera: Camera) -> None:
        at = pose.skeleton.index_of
        feet = [at[f"{side}_{name}"] for side in "LR" for name in _FEET if f"{side}_{name}" in at]
        lowest_m = np.nanmax(pose.joints_cam_m[feet, 1], initial=-np.inf) if feet else -np.inf
        if np.isfinite(lowest_m):
            self._lowest_m.append(float(lowest_m) + _SOLE_M)
        axis = body_axis(pose)
        point = None if axis is None else foot_points(pose, camera, axis)
        if axis is not None and point is not None:
            self._points.append((track_id, point, axis))

    def _solve(self, stamp_ns: int) -> None:
        if self._solved_ns is not None and 0 <= stamp_ns - self._solved_ns < _SOLVE_NS:
            return
        self._solved_ns = stamp_ns
        plane = self._fitted()
        if plane is not None:
            self._replace(plane, "from people's feet")
        elif self._lowest_m and self.origin != "from people's feet":
            height_m = max(0.1, float(np.quantile(self._lowest_m, 0.7)))
            self._replace(GroundPlane.of_mounting(height_m), "below the feet of a level camera's people")

    def _fitted(self) -> GroundPlane | None:
        if not self._points:
            return None
        owners, points, axes = zip(*self._points, strict=True)
        return fitted_plane(np.array(points), np.array(axes), np.array(owners))

    def _replace(self, plane: GroundPlane, origin: str) -> None:
        """Only where it shows: a floor that trembles makes everything tremble."""
        tilt_rad = float(np.arccos(np.clip(plane.up_cam @ self.plane.up_cam, -1.0, 1.0)))
        if origin != self.origin or tilt_rad > _TILT_RAD or abs(plane.height_m - self.plane.height_m) > _HEIGHT_M:
            self.plane, self.origin = plane, origin
