"""The floor from the people who walk on it, where nothing else says where it is.

Every person's size is unknown, but the floor is one: points under the feet of several people, at the distances that
their sizes say, lie about one plane, which averages over them and over a minute. That the plane's height has the mean
of their sizes' errors is in its standard deviation. A robot that drives on a level floor keeps its camera's height and
pitch, so that the plane in the camera's frame holds while it moves.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Pose
from pose3d_ros.stages.roots.fusion import sized_reading
from pose3d_ros.stages.roots.ground_contact import foot_points
from pose3d_ros.stages.roots.size_belief import PERSON_SIGMA
from pose3d_ros.types import Array

_MEMORY_S, _EVERY_S = 60.0, 0.5
"""How long a point counts, and how often one person gives one."""
_SOLVE_S = 1.0
_MOST_POINTS = 600
_LEAST_POINTS = 12
_AXIS_SIGMA_RAD = np.deg2rad(6.0)
"""Of the angle between a walking person's axis and the vertical."""
_LEAST_TILT_RAD = np.deg2rad(0.5)
_POINT_SIGMA = 0.07
"""Of ln of a point's distance, besides the person's size."""
_GATE = 3.0
_TRIALS = 64
_AGREE = 0.5
"""Share of the points that must lie about the plane."""


@dataclass(frozen=True, eq=False)
class _Point:
    stamp_ns: int
    track_id: int
    floor_cam_m: Array
    axis_cam: Array


class FloorEstimate:
    """Collects points under people's feet; `plane` is the floor that they lie on, None while it is unknown."""

    def __init__(self) -> None:
        self.plane: GroundPlane | None = None
        self._points: deque[_Point] = deque(maxlen=_MOST_POINTS)
        self._newest_ns: dict[int, int] = {}
        self._solved_ns: int | None = None

    def reset(self) -> None:
        """Forget the floor, as before another recording."""
        self.__init__()  # type: ignore[misc]

    def add(self, track_id: int, pose: Pose, camera: Camera, stamp_ns: int) -> None:
        """A person who stands gives a point, twice a second."""
        last_ns = self._newest_ns.get(track_id)
        if last_ns is not None and 0 <= stamp_ns - last_ns < _EVERY_S * 1e9:
            return
        sized = sized_reading(pose.readings)
        axis = body_axis(pose)
        if sized is None or axis is None:
            return
        feet = foot_points(pose, camera, axis)
        if feet is None:
            return
        scale = float(np.exp(sized.log_m)) / float(np.linalg.norm(pose.root_cam_m))
        self._newest_ns[track_id] = stamp_ns
        self._points.append(_Point(stamp_ns, track_id, scale * feet, axis))

    def update(self, stamp_ns: int) -> None:
        """Solve for the plane, once a second."""
        if self._solved_ns is not None and 0 <= stamp_ns - self._solved_ns < _SOLVE_S * 1e9:
            return
        self._solved_ns = stamp_ns
        while self._points and not 0 <= stamp_ns - self._points[0].stamp_ns <= _MEMORY_S * 1e9:
            gone = self._points.popleft()
            if self._newest_ns.get(gone.track_id, 0) <= gone.stamp_ns:
                self._newest_ns.pop(gone.track_id, None)
        if len(self._points) < _LEAST_POINTS:
            return
        points = np.array([p.floor_cam_m for p in self._points])
        axes = np.array([p.axis_cam for p in self._points])
        self.plane = fitted_plane(points, axes, np.array([p.track_id for p in self._points]))


def body_axis(pose: Pose) -> Array | None:
    """Unit vector (3,) from the ankles to the head of someone whose joints are known; None of others."""
    at = pose.skeleton.index_of
    names = ("Head_top", "Pelvis", "L_Ankle", "R_Ankle")
    if not all(name in at for name in names):
        return None
    head, pelvis, left, right = pose.joints_cam_m[[at[name] for name in names]]
    upper, lower = head - pelvis, pelvis - (left + right) / 2
    lengths = np.linalg.norm(upper), np.linalg.norm(lower)
    # Trunk and legs in one line: someone who sits, bends or kneels says little about what is up.
    if not (lengths[0] > 0 and lengths[1] > 0 and upper @ lower >= np.cos(np.deg2rad(25.0)) * lengths[0] * lengths[1]):
        return None
    axis = upper + lower
    return np.asarray(axis / np.linalg.norm(axis))


def fitted_plane(points_cam_m: Array, axes_cam: Array, owners: Array) -> GroundPlane | None:
    """The floor under points (N, 3) of people whose axes are (N, 3); None where they don't agree.

    RANSAC over pairs of a point, for the height, and an axis, for the normal; then weighted least squares of both, the
    errors of the points being along their rays. owners (N,): whose they are; one person's points share an error.
    """
    middle = axes_cam.mean(axis=0)
    rng = np.random.default_rng(0)
    best: tuple[int, Array, float] = (0, middle, 0.0)
    for trial in range(_TRIALS):
        some = rng.integers(len(axes_cam), size=5)
        up = axes_cam[some].mean(axis=0) if trial else middle
        up = up / np.linalg.norm(up)
        heights = -(points_cam_m @ up)
        height = float(np.median(heights)) if not trial else float(heights[rng.integers(len(heights))])
        count = int(_fits(heights, height).sum()) if height > 0 else 0
        if count > best[0]:
            best = (count, up, height)
    count, up, height = best
    if count < max(_LEAST_POINTS, _AGREE * len(points_cam_m)):
        return None
    for _ in range(3):
        kept = _fits(-(points_cam_m @ up), height)
        if kept.sum() < _LEAST_POINTS:
            return None
        up, height, covariance = _least_squares(points_cam_m[kept], axes_cam[kept], up, height)
    if not height > 0:
        return None
    people = len(np.unique(owners[kept]))
    # Points of one person within a minute are no more independent than a few strides.
    fewer = max(kept.sum() / (8.0 * people), 1.0)
    tilt = float(np.sqrt(fewer * covariance[:2, :2].trace() / 2))
    size = np.hypot(np.sqrt(fewer * covariance[2, 2]) / height, PERSON_SIGMA / np.sqrt(people))
    return GroundPlane.of_normal(
        up,
        height,
        height_sigma_m=float(size * height),
        tilt_sigma_rad=max(tilt, float(_LEAST_TILT_RAD)),
        origin="people",
    )


def _fits(heights_m: Array, height_m: float) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        away = np.log(heights_m / height_m)
    fits: Array = np.abs(np.where(heights_m > 0, away, np.inf)) <= _GATE * np.hypot(_POINT_SIGMA, PERSON_SIGMA)
    return fits


def _least_squares(points_m: Array, axes: Array, up: Array, height_m: float) -> tuple[Array, float, Array]:
    """One step: turns of the normal about two axes across it, and the height; with their covariance (3, 3)."""
    first = np.cross(up, [0.0, 0.0, 1.0] if abs(up[2]) < 0.9 else [1.0, 0.0, 0.0])
    first /= np.linalg.norm(first)
    across = np.stack([first, np.cross(up, first)])
    sigma_m = np.hypot(_POINT_SIGMA, PERSON_SIGMA) * height_m
    rows = np.concatenate([points_m @ across.T, np.ones((len(points_m), 1))], axis=1) / sigma_m
    right = -(points_m @ up + height_m) / sigma_m
    tilted = np.zeros((2, 3))
    tilted[:, :2] = np.eye(2) * np.sqrt(len(axes)) / _AXIS_SIGMA_RAD
    rows = np.concatenate([rows, tilted])
    right = np.concatenate([right, (axes.mean(axis=0) @ across.T) * np.sqrt(len(axes)) / _AXIS_SIGMA_RAD])
    covariance = np.linalg.inv(rows.T @ rows)
    change = covariance @ (rows.T @ right)
    turned = up + change[:2] @ across
    return turned / np.linalg.norm(turned), float(height_m + change[2]), covariance
