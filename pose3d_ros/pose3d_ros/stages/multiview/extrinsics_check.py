"""Whether cameras have people at the same place for long: if not, a camera is not where it is said to be.

A person who is larger than thought is too near in both cameras, by one share of their distances, which moves the one
place from the other along the baseline. So along it people tell nothing of the cameras, unless they are many; across
it they do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from pose3d_ros.geometry.triangulation import ray_information
from pose3d_ros.records import TrackState
from pose3d_ros.stages.multiview.camera_view import BodyRays, CameraView
from pose3d_ros.stages.multiview.pair_evidence import Pair
from pose3d_ros.types import Array

_LOOK_S = 5.0
"""A pose errs alike for so long: that time counts as one look."""
_OWN_SHARE, _OWN_SIGMA = 0.1, 0.02
"""Of the variance of a camera's distance, and as a share of the distance: the error that other cameras do not share.

The rest is the person's size. Of rendered people, 5% of the distance without a floor, two cameras 74° apart had errors
that differed by 2%. Half of the variance lasts as the size does.
"""
_MEAN_SHARE = 0.5
"""Of the deviation of one joint across the ray: that of the mean of all."""
_PRIOR_M = 0.5
"""How far cameras may disagree, before anyone was seen."""
_MEMORY_S = 120.0
_LEAST_S = 5.0
_LEAST_M = 0.08
_SIGNIFICANT = 25.0
"""Squared Mahalanobis distance, 3 degrees of freedom: of chance once in 60,000 cases."""
_SURE = 3.5
"""Standard deviations from which on a part of a disagreement is told."""
_SCATTER = 4.0
"""Mean square of what is left, over its expectation, above which the disagreement is not constant."""
_FARTHEST_M = 2.0
_LONGEST_STEP_S = 0.2


@dataclass(frozen=True)
class Disagreement:
    """Two cameras that have the same people at different places.

    Attributes
    ----------
    one, other : str
        The cameras.
    distance_m : float
        How far apart they have them on average, at least: along the baseline it may be people's size.
    angle_deg : float
        The same as an angle, seen from the other camera.
    """

    one: str
    other: str
    distance_m: float
    angle_deg: float


@dataclass(eq=False)
class _Sum:
    """Weighted sums over the people whom two cameras see: information, its product with the differences, squares."""

    information: Array = field(default_factory=lambda: np.zeros((3, 3)))
    weighted: Array = field(default_factory=lambda: np.zeros(3))
    squares: float = 0.0
    looks: float = 0.0
    range_m: float = 0.0
    seconds: float = 0.0
    last_ns: int = 0


class ExtrinsicsCheck:
    """Notes by how much cameras disagree about the same people, and says where that is constant."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], _Sum] = {}
        self._looks: dict[Pair, float] = {}

    def note(self, clusters: Sequence[Sequence[BodyRays]], views: Sequence[CameraView], time_ns: int) -> None:
        """Take note of one time. clusters: who is one person, everyone who is seen in one of them."""
        for one, other in (*_pairs(clusters), *_lone_pairs(clusters, views)):
            self._add(one, other, time_ns)

    def disagreements(self) -> tuple[Disagreement, ...]:
        """Those that are constant, larger than chance and larger than calibrations are exact."""
        found = (_disagreement(names, total) for names, total in sorted(self._sums.items()))
        return tuple(one for one in found if one is not None)

    def _add(self, one: BodyRays, other: BodyRays, time_ns: int) -> None:
        total = self._sums.setdefault((one.key[0], other.key[0]), _Sum(last_ns=time_ns))
        step_s = min(max((time_ns - total.last_ns) * 1e-9, 0.0), _LONGEST_STEP_S)
        keep, weight = float(np.exp(-step_s / _MEMORY_S)), step_s / _LOOK_S
        pair = one.key, other.key
        self._looks[pair] = self._looks.get(pair, 0.0) + weight
        difference_m, precision = _difference(one, other, max(1.0, self._looks[pair]))
        total.information = keep * total.information + weight * precision
        total.weighted = keep * total.weighted + weight * precision @ difference_m
        total.squares = keep * total.squares + weight * float(difference_m @ precision @ difference_m)
        total.looks = keep * total.looks + weight
        total.range_m = keep * total.range_m + weight * float(other.ranges_m[-1])
        total.seconds, total.last_ns = total.seconds + step_s, time_ns


def _pairs(clusters: Sequence[Sequence[BodyRays]]) -> Iterator[tuple[BodyRays, BodyRays]]:
    for cluster in clusters:
        yield from combinations(sorted(cluster, key=lambda body: body.key), 2)


def _lone_pairs(
    clusters: Sequence[Sequence[BodyRays]], views: Sequence[CameraView]
) -> Iterator[tuple[BodyRays, BodyRays]]:
    """Two cameras that see one person each, where the other should see them: one person, whatever the distance."""
    lone = {}
    for view in views:
        seen = [c for c in clusters if any(body.key[0] == view.camera_name for body in c)]
        if len(view.people) == 1 and len(seen) == 1 and len(seen[0]) == 1:
            body = seen[0][0]
            if body.person.state == TrackState.TRACKED:
                lone[view.camera_name] = (view, body)
    for (one_view, one), (other_view, other) in combinations([lone[name] for name in sorted(lone)], 2):
        near = float(np.linalg.norm(one.points_m[-1] - other.points_m[-1])) < _FARTHEST_M
        if near and _is_seen_by(one_view, other) and _is_seen_by(other_view, one):
            yield one, other


def _is_seen_by(view: CameraView, body: BodyRays) -> bool:
    u, v = view.camera.project(view.cam2common.inverse().apply(body.points_m[-1])).tolist()
    return bool(0 <= u < view.camera.width_px and 0 <= v < view.camera.height_px)


def _difference(one: BodyRays, other: BodyRays, looks: float) -> tuple[Array, Array]:
    """Mean difference (3,) of the joints, and its precision (3, 3).

    looks: how often these two were looked at. What errs alike every time is worth one look in all: the squares of 1, 2,
    3 … add up to little more than 1 in the denominator.
    """
    apart = other.points_m - one.points_m
    shared = np.isfinite(apart).all(axis=-1)
    baseline = other.origin_m - one.origin_m
    covariance = _covariance_m2(one, looks) + _covariance_m2(other, looks)
    size_sigma = max(body.range_sigma_m / float(body.ranges_m[-1]) for body in (one, other))
    covariance += np.outer(baseline, baseline) * (size_sigma * looks) ** 2
    mean_m = np.asarray(apart[shared].mean(axis=0), dtype=np.float64)
    return mean_m, np.asarray(np.linalg.inv(covariance), dtype=np.float64)


def _covariance_m2(body: BodyRays, looks: float) -> Array:
    """Of the root, without the person's size."""
    own_m2 = _OWN_SHARE * body.range_sigma_m**2 + (_OWN_SIGMA * body.ranges_m[-1]) ** 2
    sigma_m = np.sqrt(own_m2 * (1.0 + looks**2) / 2.0)
    lateral_rad = _MEAN_SHARE * body.sigmas_rad[-1]
    information = ray_information(body.rays[-1], body.ranges_m[-1], lateral_rad, np.asarray(sigma_m))
    return np.asarray(np.linalg.inv(information))


def _disagreement(names: tuple[str, str], total: _Sum) -> Disagreement | None:
    if total.seconds < _LEAST_S:
        return None
    information = total.information + np.eye(3) / _PRIOR_M**2
    mean_m = np.asarray(np.linalg.solve(information, total.weighted), dtype=np.float64)
    explained = float(total.weighted @ mean_m)
    scatter = (total.squares - explained) / (3.0 * total.looks)
    distance_m = _sure_part_m(mean_m, information)
    if explained < _SIGNIFICANT or scatter > _SCATTER or distance_m < _LEAST_M:
        return None
    angle_deg = float(np.rad2deg(np.arctan2(distance_m, total.range_m / total.looks)))
    return Disagreement(*names, distance_m, angle_deg)


def _sure_part_m(mean_m: Array, information: Array) -> float:
    """Length of what of a vector is not chance: along the baseline people say little."""
    precisions, axes = np.linalg.eigh(information)
    parts_m = axes.T @ mean_m
    return float(np.linalg.norm(parts_m[np.abs(parts_m) * np.sqrt(precisions) > _SURE]))
