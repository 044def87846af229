"""Metres from what is known of a scene: a person's height, the cameras' distance, or a camera's height."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from pose3d_ros.errors import InputError
from pose3d_ros.records import Detection, Pose
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.roots.body_size import standing_height_m
from pose3d_ros.stages.roots.floor_estimate import body_axis
from pose3d_ros.types import Array

_LEAST_TIMES = 10
_ANKLE_M = 0.085
"""Of an ankle above the floor, standing."""
_USUAL_M = 1.7
_FOOT_SIGMA = 0.004
"""Of the lower ankle's height over the floor, as a share of the distance."""
_LEAN_SIGMA_RAD = 0.05
_MOST_UNLIKE = 0.15
"""Median difference of bones from average ones, as |ln| of the ratio."""


@dataclass(frozen=True)
class KnownLength:
    """What is known, in metres; exactly one.

    height_m: of the person who is seen longest, standing, crown to soles. baseline_m: between the first two cameras.
    camera_height_m: of the first camera above a level floor on which people walk. mean_bones_m: of the skeleton's
    edges, of average people: the metres are as far off as those who are seen are larger or smaller.
    """

    height_m: float | None = None
    baseline_m: float | None = None
    camera_height_m: float | None = None
    mean_bones_m: tuple[float, ...] | None = None

    @property
    def in_words(self) -> str:
        """For summaries."""
        named = {"height": self.height_m, "baseline": self.baseline_m, "camera height": self.camera_height_m}
        words = [f"{name} {value:g} m" for name, value in named.items() if value is not None]
        return ", ".join(words if self.mean_bones_m is None else [*words, "average bones"])

    def check(self) -> None:
        """Raise InputError unless one length is given, above 0."""
        known = self.height_m, self.baseline_m, self.camera_height_m, self.mean_bones_m
        given = [np.atleast_1d(one) for one in known if one is not None]
        if len(given) != 1 or not (np.isfinite(given[0]) & (given[0] > 0)).all():
            raise InputError(
                "scale",
                expected="one known length above 0",
                got=self.in_words or "none: images alone do not tell a large scene from a small one",
                fix="Give --height of the person, --baseline between the cameras, or --camera-height above the floor.",
            )


def metres_per_unit(known: KnownLength, people: Sequence[Array], skeleton: Skeleton) -> float:
    """How many metres the second camera's distance is.

    Parameters
    ----------
    known : KnownLength
        One length.
    people : sequence of ndarray
        (T, J, 3) each, in the first camera's frame, in units of the second camera's distance.
    skeleton : Skeleton
        Of the people.

    Returns
    -------
    float
        Above 0.

    Raises
    ------
    InputError
        Unless one length is given, where people do not tell what it belongs to, and where they have not the proportions
        of average ones.
    """
    known.check()
    if known.baseline_m is not None:
        return known.baseline_m
    if known.height_m is not None:
        return known.height_m / _standing_height(max(people, key=_known_joints), skeleton)
    if known.mean_bones_m is not None:
        return _by_bones(np.array(known.mean_bones_m), people, skeleton)
    assert known.camera_height_m is not None
    return _by_floor(known.camera_height_m, people, skeleton)


def _standing_height(points: Array, skeleton: Skeleton) -> float:
    """In the points' unit; what is between ankle and floor, and nets' crowns, count as those of a person of 1.7 m."""
    factor = 1.0
    for _ in range(4):
        heights = np.array([standing_height_m(_pose(one * factor, skeleton)) for one in points])
        heights = heights[np.isfinite(heights)]
        if len(heights) < _LEAST_TIMES:
            fix = "Use a skeleton with crown, hips, knees and ankles (--skeleton muco21), or give --baseline."
            raise InputError("--height", expected="whole people", got=f"{len(heights)} times of one", fix=fix)
        factor *= _USUAL_M / float(np.median(heights))
    return _USUAL_M / factor


def _by_bones(lengths_m: Array, people: Sequence[Array], skeleton: Skeleton) -> float:
    """The median of ratios; cameras whose poses are wrong squeeze people, which the ratios' spread tells."""
    parents, children = (list(column) for column in zip(*skeleton.edges, strict=True))
    points = np.concatenate(people)
    ratios = lengths_m / np.linalg.norm(points[:, children] - points[:, parents], axis=-1)
    known = np.log(ratios[np.isfinite(ratios)])
    scale = float(np.median(known)) if len(known) else np.nan
    unlike = float(np.median(np.abs(known - scale))) if len(known) else np.inf
    if unlike > _MOST_UNLIKE:
        fix = "Let people walk through all of what the cameras see; or give --height or --baseline."
        raise InputError("people", expected="average proportions", got=f"bones that differ by {unlike:.0%}", fix=fix)
    return float(np.exp(scale))


def _by_floor(camera_height_m: float, people: Sequence[Array], skeleton: Skeleton) -> float:
    feet, axes = [], []
    for points in people:
        for one in points:
            axis = body_axis(_pose(one, skeleton))
            if axis is not None and np.isfinite(axis).all():
                ankles = one[[skeleton.index_of["L_Ankle"], skeleton.index_of["R_Ankle"]]]
                feet.append(ankles[np.argmin(ankles @ axis)])
                axes.append(axis)
    height = _height_over(np.array(feet).reshape(-1, 3), np.array(axes).reshape(-1, 3))
    if not height > 0:
        fix = "Let people walk, upright and with their feet in view; or give --height or --baseline."
        raise InputError("--camera-height", expected="ankles on a floor", got=f"{len(feet)} that do not fit", fix=fix)
    return (camera_height_m - _ANKLE_M) / height


def _height_over(points: Array, axes: Array) -> float:
    """Of the camera over the plane of points (N, 3), most of which are on it; NaN without points.

    axes (N, 3): of upright people, whose mean holds the plane where they walk in one line only.
    """
    if len(points) < _LEAST_TIMES:
        return float("nan")
    up, size = axes.mean(axis=0), float(np.median(points[:, 2]))
    start = np.array([*up, -float(np.median(points @ up))])

    def residuals(plane: Array) -> Array:
        normal = plane[:3] / np.linalg.norm(plane[:3])
        off = (points @ normal + plane[3]) / (_FOOT_SIGMA * size)
        lean = (plane[:3] - up) / _LEAN_SIGMA_RAD
        return np.concatenate([off, lean])

    return float(least_squares(residuals, start, loss="soft_l1").x[3])


def _known_joints(points: Array) -> int:
    return int(np.isfinite(points).all(axis=-1).sum())


def _pose(points: Array, skeleton: Skeleton) -> Pose:
    count = len(skeleton)
    nothing = Detection(np.zeros(4), 1.0)
    return Pose(points[skeleton.root], points, np.zeros((count, 2)), np.ones(count), skeleton, nothing)
