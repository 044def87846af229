"""Joints that a 2D net does not give, as weighted sums of those that it gives.

The weights add up to 1, and left and right weigh the same: a sum moves, turns, scales and mirrors with the person.
They are least squares over rendered people (`pose3d_training.tasks.derived_joints_fit`, which prints this table and its
errors): so a joint lies where it lies on those bodies, not where another data set's annotators put it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pose3d_ros.skeletons import DERIVED, Skeleton

PAIRS: Mapping[str, tuple[str, str]] = {"Eyes": ("L_Eye", "R_Eye"), "Ears": ("L_Ear", "R_Ear")}
"""Means of two joints that only weighted sums are made of, beside `skeletons.DERIVED`."""

WEIGHTED: Mapping[str, tuple[Mapping[str, float], ...]] = {
    "Spine": ({"Pelvis": 0.503, "Thorax": 0.497},),  # 27 mm, 31 as a 2D net sees the joints
    "Neck": (
        {"Thorax": 0.709, "Ears": 0.488, "Nose": -0.152, "Pelvis": -0.045},  # 13 mm, 20
        {"Thorax": 0.912, "Head": 0.194, "Pelvis": -0.106},  # 17 mm, 23
        {"Thorax": 1.214, "Pelvis": -0.214},  # 14 mm, 25
    ),
    "Head": (
        {"Thorax": -0.139, "Ears": 1.031, "Eyes": 0.315, "Nose": -0.207},  # 8 mm, 19
        {"Thorax": -0.177, "Ears": 1.176, "Nose": 0.001},  # 10 mm, 21
        {"Neck": 0.202, "Head_top": 0.692, "Thorax": 0.106},  # 10 mm, 19
        {"Thorax": 1.037, "Nose": 0.375, "Pelvis": -0.412},  # 30 mm, 37
    ),
    "Head_top": (
        {"Thorax": -0.48, "Ears": 1.37, "Eyes": 0.532, "Nose": -0.422},  # 25 mm, 36
        {"Thorax": -0.546, "Ears": 1.614, "Nose": -0.068},  # 30 mm, 41
        {"Thorax": 1.115, "Nose": 0.448, "Pelvis": -0.563},  # 54 mm, 60
    ),
    "Nose": (
        {"Head": 0.898, "Head_top": 0.216, "Thorax": -0.384, "Pelvis": 0.27},  # 60 mm, 63
        {"Neck": -0.476, "Head_top": 0.857, "Thorax": 0.475, "Pelvis": 0.144},  # 59 mm, 63
    ),
}
"""Joint → sums of joints and means, the more exact ones first.

Their mean errors are across the line of sight, of exact joints and of a 2D net's, on held-out motions and bodies."""

Shares = Mapping[int, float]
"""Index of a joint that is given → its weight."""


def sums_of(joint: str, source: Skeleton) -> tuple[Shares, ...]:
    """What a joint is of a skeleton's joints, the best first: itself, a mean, or weighted sums; none if nothing fits.

    A sum whose joints were not all seen is followed by others that may be.
    """
    own = _mean(joint, source)
    if own is not None:
        return (own,)
    found = [_sum(weights, source) for weights in WEIGHTED.get(joint, ())]
    return tuple(shares for shares in found if shares is not None)


def _mean(name: str, source: Skeleton) -> Shares | None:
    names: Sequence[str] = (name,) if name in source.index_of else DERIVED.get(name) or PAIRS.get(name) or (name,)
    if any(one not in source.index_of for one in names):
        return None
    return {source.index_of[one]: 1.0 / len(names) for one in names}


def _sum(weights: Mapping[str, float], source: Skeleton) -> Shares | None:
    total: dict[int, float] = {}
    for name, weight in weights.items():
        shares = _mean(name, source)
        if shares is None:
            return None
        for joint, share in shares.items():
            total[joint] = total.get(joint, 0.0) + weight * share
    return total
