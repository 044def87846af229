"""Who of one view is who of another, by whether their joints are on each other's epipolar lines over all the time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.types import Array
from pose3d_training.multiview.correspondences import Correspondences, correspondences, together
from pose3d_training.multiview.relative_pose import (
    LEAST_POINTS,
    RelativePose,
    by_ransac,
    essential_of,
    few_inliers,
    relative_pose,
    sampson_errors,
    some_of,
)
from pose3d_training.multiview.view_tracks import ViewPeople

_LEAST_SHARE = 0.3
_MOST_TRIED = 12
_ROUNDS = 2
_OF_ONE = 800
"""Pairs of joints that a pose is tried with."""
MOST_POINTS = 6000

Pair = tuple[int, int]
"""Numbers of a track of the first view and one of the second."""


@dataclass(frozen=True, eq=False)
class Matched:
    """Tracks of two views that are the same people, and the pose that fits them. share: of joints that are inliers.

    score: the same, with each inlier counting less the farther it is off; and those of people who have no counterpart.
    """

    pairs: tuple[Pair, ...]
    pose: RelativePose
    share: float
    score: float


def match_people(first: ViewPeople, second: ViewPeople, offset_s: float, most: int = MOST_POINTS) -> Matched:
    """Find the pairs of people and the cameras' pose that go together.

    With one person in each view there is nothing to decide. With several, the pose is found from each pair alone, and
    that counts under which the most joints of all people are on their epipolar lines; then again from all pairs.

    Parameters
    ----------
    first, second : ViewPeople
        Of two views.
    offset_s : float
        See `correspondences`.
    most : int
        Pairs of joints that the pose is found from.

    Returns
    -------
    Matched
        At least one pair.

    Raises
    ------
    InputError
        Where no person is seen by both at the same time, and as `relative_pose`.
    """
    common = _common(first, second, offset_s)
    if not common:
        raise InputError(
            f"people of {first.name} and {second.name}",
            expected=f"someone whom both see at the same time, with {LEAST_POINTS} joints or more",
            got="none",
            fix="See that the recordings overlap in time; give the difference of their clocks with --offset.",
        )
    pairs = _only(common) or _best_pairs(common, first, second)
    for _ in range(_ROUNDS):
        pose = relative_pose(*_thinned([common[pair] for pair in pairs], most))
        found = _assigned(common, pose.first2second, first, second)
        if not found or found == pairs:
            break
        pairs = found
    return Matched(pairs, pose, float(pose.inliers.mean()), _score(common, pairs, pose.first2second))


def _common(first: ViewPeople, second: ViewPeople, offset_s: float) -> dict[Pair, Correspondences]:
    every = {
        (a, b): correspondences(one, other, offset_s)
        for (a, one), (b, other) in product(enumerate(first.tracks), enumerate(second.tracks))
    }
    return {pair: found for pair, found in every.items() if len(found.first) >= LEAST_POINTS}


def _only(common: dict[Pair, Correspondences]) -> tuple[Pair, ...]:
    return tuple(common) if len(common) == 1 else ()


def _best_pairs(common: dict[Pair, Correspondences], first: ViewPeople, second: ViewPeople) -> tuple[Pair, ...]:
    """Those of the pose, of one pair each, that has the most inliers."""
    best: tuple[float, tuple[Pair, ...]] = (0.0, ())
    likely = sorted(common, key=lambda pair: -len(common[pair].first))[:_MOST_TRIED]
    for pair in likely:
        some = common[pair].thinned(_OF_ONE)
        try:
            pose = by_ransac(some.first, some.second, some.tolerance)
        except InputError:
            continue
        pairs = _assigned(common, pose, first, second)
        count = sum(_inliers(common[one], pose) for one in pairs)
        best = max(best, (count, pairs))
    if not best[1]:
        some = common[likely[0]]
        raise few_inliers(0.0, len(some.first))
    return best[1]


def _assigned(
    common: dict[Pair, Correspondences], pose: RigidTransform, first: ViewPeople, second: ViewPeople
) -> tuple[Pair, ...]:
    """Pairs by their inliers, none at the same time as another of one of its tracks."""
    inliers = {pair: _inliers(found, pose) for pair, found in common.items()}
    taken: list[Pair] = []
    for pair in sorted(common, key=lambda one: -inliers[one]):
        is_likely = inliers[pair] >= _LEAST_SHARE * len(common[pair].first)
        if is_likely and not any(_exclude(pair, other, first, second) for other in taken):
            taken.append(pair)
    return tuple(sorted(taken))


def _exclude(one: Pair, other: Pair, first: ViewPeople, second: ViewPeople) -> bool:
    """Whether a track would be two people at once."""
    if one[0] == other[0]:
        return _overlap(second.tracks[one[1]].times_s, second.tracks[other[1]].times_s)
    return one[1] == other[1] and _overlap(first.tracks[one[0]].times_s, first.tracks[other[0]].times_s)


def _overlap(one: Array, other: Array) -> bool:
    return bool(one[0] <= other[-1] and other[0] <= one[-1])


def _inliers(found: Correspondences, pose: RigidTransform) -> float:
    """How many joints are on their epipolar lines, each less the farther it is off."""
    off = sampson_errors(essential_of(pose), found.first, found.second) / found.tolerance
    return float(np.maximum(0.0, 1.0 - off**2).sum())


def _score(common: dict[Pair, Correspondences], pairs: tuple[Pair, ...], pose: RigidTransform) -> float:
    tracks = {pair[0] for pair in common}
    possible = sum(max(len(common[pair].first) for pair in common if pair[0] == track) for track in tracks)
    return sum(_inliers(common[pair], pose) for pair in pairs) / possible


def _thinned(parts: list[Correspondences], most: int) -> tuple[Array, Array, Array]:
    every = together(parts)
    drawn = some_of(len(every.first), most)
    return every.first[drawn], every.second[drawn], every.tolerance[drawn]
