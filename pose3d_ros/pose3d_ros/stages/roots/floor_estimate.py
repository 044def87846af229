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
import numpy.typing as npt

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
_LEAST_POINTS, _LEAST_OF_ONE = 12, 4
_LEAST_PEOPLE = 4
"""Within a minute. The sizes of fewer hardly average out: three tall people make a floor that is 7% too low."""
"""Of all, and of one person: who is seen for less than two seconds is often half hidden, or no one."""
_AXIS_SIGMA_RAD = np.deg2rad(6.0)
"""Of the angle between a walking person's axis and the vertical."""
_LEAN_SIGMA_RAD = np.deg2rad(4.0)
"""Of the part of it that all people have in common: nets see people upright before a camera that looks down."""
_POINT_SIGMA = 0.07
"""Of ln of a point's distance, besides the person's size."""
_INDEPENDENT = 12
"""One person's points within a minute are no more independent than so many."""
_SIGMA = float(np.hypot(_POINT_SIGMA, PERSON_SIGMA))
_GATE = 3.0
_TRIALS, _SAMPLE = 48, 6
_STEPS = 4
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
        points = np.array([p.floor_cam_m for p in self._points])
        axes = np.array([p.axis_cam for p in self._points])
        plane = fitted_plane(points, axes, np.array([p.track_id for p in self._points]))
        self.plane = plane if plane is not None and plane.people >= _LEAST_PEOPLE else None


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

    RANSAC over a few points each, then least squares. Fitted are the logarithms of the points' distances along their
    rays, whose directions are known well: fitting the points themselves would pull the plane towards the camera. One
    person's points share the error of their size, so that how far one walks says more of the floor's slope than how
    large two are. owners (N,): whose the points are.
    """
    _, whose, counts = np.unique(owners, return_inverse=True, return_counts=True)
    stayed = counts[whose] >= _LEAST_OF_ONE
    if stayed.sum() < _LEAST_POINTS:
        return None
    owners = owners[stayed]
    seen = _Seen.of(points_cam_m[stayed], axes_cam[stayed], owners)
    inverse = _agreed(seen)
    if inverse is None:
        return None
    for _ in range(_STEPS):
        fits = np.abs(seen.log_errors(inverse)) <= _GATE * _SIGMA
        if fits.sum() < max(_LEAST_POINTS, _AGREE * len(fits)):
            return None
        inverse, covariance = _improved(seen.chosen(fits), inverse)
    height_m = 1.0 / float(np.linalg.norm(inverse))
    if not np.isfinite(height_m):
        return None
    people = len(np.unique(owners[fits]))
    if people > 1:  # the floor tells a person what the others say: their own size is in their own readings
        covariance = covariance * people / (people - 1)
    up = inverse * height_m
    across = np.eye(3) - np.outer(up, up)
    return GroundPlane(
        up,
        height_m,
        height_sigma_m=float(height_m**2 * np.sqrt(up @ covariance @ up)),
        tilt_sigma_rad=float(height_m * np.sqrt((across @ covariance @ across).trace() / 2)),
        origin="people",
        inverse_covariance=covariance,
        people=people,
    )


@dataclass(frozen=True, eq=False)
class _Seen:
    """Points as unit rays (N, 3) and logarithms of distances (N,), whose they are (N,), and the mean axis (3,)."""

    rays: Array
    logs: Array
    owners: Array
    axis: Array

    @classmethod
    def of(cls, points_m: Array, axes: Array, owners: Array) -> _Seen:
        distances_m = np.linalg.norm(points_m, axis=1)
        middle = axes.mean(axis=0)
        return cls(points_m / distances_m[:, None], np.log(distances_m), owners, middle / np.linalg.norm(middle))

    def chosen(self, index: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> _Seen:
        return _Seen(self.rays[index], self.logs[index], self.owners[index], self.axis)

    def log_errors(self, inverse: Array) -> Array:
        """How much farther the points are than the plane inverse · X = -1; infinite for rays that do not meet it."""
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = self.logs + np.log(-(self.rays @ inverse))
        return np.where(np.isfinite(errors), errors, np.inf)


def _agreed(seen: _Seen) -> Array | None:
    """The plane, as up / height, about which most points lie; the first one tried is the one across the mean axis."""
    rng = np.random.default_rng(0)
    falls = -np.exp(seen.logs) * (seen.rays @ seen.axis)
    if not np.median(falls) > 0:
        return None
    start = seen.axis / float(np.median(falls))
    tried = [start]
    for _ in range(_TRIALS):
        some = seen.chosen(rng.integers(len(seen.logs), size=_SAMPLE))
        if np.isfinite(some.log_errors(start)).all():
            tried.append(_improved(some, start)[0])
    counts = [int((np.abs(seen.log_errors(inverse)) <= _GATE * _SIGMA).sum()) for inverse in tried]
    return tried[int(np.argmax(counts))]


def _improved(seen: _Seen, inverse: Array) -> tuple[Array, Array]:
    """A step of Gauss and Newton for up / height, and its covariance (3, 3)."""
    height_m = 1.0 / float(np.linalg.norm(inverse))
    errors = seen.log_errors(inverse)
    rows = seen.rays / -(seen.rays @ inverse)[:, None]
    whitened = _whitened(np.concatenate([rows, errors[:, None]], axis=1), seen.owners)
    first = np.cross(seen.axis, np.eye(3)[int(np.abs(seen.axis).argmin())])
    first /= np.linalg.norm(first)
    across = np.stack([first, np.cross(seen.axis, first)])
    weight = height_m / np.hypot(_LEAN_SIGMA_RAD, _AXIS_SIGMA_RAD / np.sqrt(len(seen.logs)))
    rows = np.concatenate([whitened[:, :3], weight * across])
    right = np.concatenate([whitened[:, 3], -weight * (across @ inverse)])
    covariance = np.linalg.inv(rows.T @ rows)
    return np.asarray(inverse + covariance @ (rows.T @ right)), np.asarray(covariance)


def _whitened(rows: Array, owners: Array) -> Array:
    """Rows (N, C) of equations whose errors are independent, from those in which one person's errors are alike."""
    out = rows.copy()
    for owner in np.unique(owners):
        at = owners == owner
        point_variance = _POINT_SIGMA**2 * max(at.sum() / _INDEPENDENT, 1.0)
        # The inverse root of point_variance I + PERSON_SIGMA**2 11ᵀ.
        common = 1.0 - np.sqrt(point_variance / (point_variance + at.sum() * PERSON_SIGMA**2))
        out[at] = (rows[at] - common * rows[at].mean(axis=0)) / np.sqrt(point_variance)
    return out
