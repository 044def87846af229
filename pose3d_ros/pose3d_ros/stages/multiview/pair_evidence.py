"""Whether two cameras' people are one: how well their bodies fit in space, remembered over time.

The cost of a pair is twice the negative log-likelihood that both are the same body: each camera's distance may err by
its deviation, the same for all joints; what is left of the joints' distances from each other, across the rays above
all (the epipolar constraint), counts by the deviation of each direction. So two people whose rays cross by chance are
told apart by how far away each camera has them, and by how they hold their limbs.

Cameras are matched by 3D distance with a constraint of one to one in L. Chen et al., Cross-View Tracking for
Multi-Human 3D Pose Estimation at over 100 FPS, CVPR 2020, and J. Tanke and J. Gall, Iterative Greedy Matching for 3D
Human Pose Tracking from Multiple Views, GCPR 2019; here each camera's own distance takes part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pose3d_ros.stages.multiview.camera_view import BodyRays

_JOINTS_WORTH = 4.0
"""How many independent joints those of a body are worth: neighbors err alike."""
_JOINT_CAP = 40.0
_CAP = 150.0
_FAR_M = 4.0
_MEMORY_S = 1.0
_FORGET_S = 3.0
_LEAST_JOINTS = 4

Key = tuple[str, int]
"""A camera's name and its track id."""
Pair = tuple[Key, Key]


def pair_cost(one: BodyRays, other: BodyRays) -> float:
    """Of two people of two cameras, at the same time; 0 for the same place and pose, at most 150."""
    apart = other.points_m - one.points_m
    shared = np.asarray(np.isfinite(apart).all(axis=-1))
    shared[-1] &= shared.sum() <= _LEAST_JOINTS  # the root is one of the joints where there are enough
    if not shared.any() or float(np.linalg.norm(apart[-1])) > _FAR_M:
        return _CAP
    precision = np.linalg.inv((one.relative_covariances_m2 + other.relative_covariances_m2)[shared])
    apart, along = apart[shared], np.stack([one.rays[shared], -other.rays[shared]], axis=-1)
    weight = _JOINTS_WORTH / len(apart)
    prior = np.diag([one.range_sigma_m**-2, other.range_sigma_m**-2])
    normal = prior + weight * np.einsum("jia,jik,jkb->ab", along, precision, along)
    right = weight * np.einsum("jia,jik,jk->a", along, precision, apart)
    moved = np.linalg.solve(normal, right)
    rest = apart - along @ moved
    squared = np.minimum(np.einsum("ji,jik,jk->j", rest, precision, rest), _JOINT_CAP)
    return float(min(moved @ prior @ moved + weight * squared.sum(), _CAP))


class PairEvidence:
    """The mean cost of each pair over the last second or so."""

    def __init__(self) -> None:
        self._costs: dict[Pair, _Mean] = {}

    def update(self, bodies: Sequence[BodyRays], time_ns: int) -> None:
        """Take note of everyone who is seen at a time."""
        for at, one in enumerate(bodies):
            for other in bodies[at + 1 :]:
                if one.key[0] != other.key[0]:
                    self._note(_pair(one.key, other.key), pair_cost(one, other), time_ns)
        oldest_ns = time_ns - round(_FORGET_S * 1e9)
        self._costs = {pair: mean for pair, mean in self._costs.items() if mean.last_ns > oldest_ns}

    def cost(self, one: Key, other: Key) -> float:
        """Of a pair, infinite for one that was not seen together."""
        found = self._costs.get(_pair(one, other))
        return float("inf") if found is None else found.summed / found.weight

    def _note(self, pair: Pair, cost: float, time_ns: int) -> None:
        before = self._costs.get(pair, _Mean(0.0, 0.0, time_ns))
        keep = float(np.exp((before.last_ns - time_ns) * 1e-9 / _MEMORY_S))
        self._costs[pair] = _Mean(keep * before.summed + cost, keep * before.weight + 1.0, time_ns)


class _Mean(NamedTuple):
    summed: float
    weight: float
    last_ns: int


def _pair(one: Key, other: Key) -> Pair:
    return (one, other) if one < other else (other, one)
