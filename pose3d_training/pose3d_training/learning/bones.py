"""Lengths of bones in a skeleton, as losses without 3D labels read them."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from pose3d_ros.skeletons import Skeleton

Bone = tuple[str, str]

GROUPS: tuple[tuple[Bone, ...], ...] = (
    tuple((f"{s}_{a}", f"{s}_{b}") for s in "LR" for a, b in (("Shoulder", "Elbow"), ("Elbow", "Wrist"))),
    tuple((f"{s}_{a}", f"{s}_{b}") for s in "LR" for a, b in (("Hip", "Knee"), ("Knee", "Ankle"))),
    tuple(("Thorax", f"{s}_Shoulder") for s in "LR"),
    tuple(("Neck", f"{s}_Shoulder") for s in "LR"),
    tuple(("Pelvis", f"{s}_Hip") for s in "LR"),
)
"""Arms, legs, shoulders and hips (Zhou 2017, section 3.3): within each, lengths have the same ratios for everyone."""


def bone_indices(skeleton: Skeleton, bones: Iterable[Bone]) -> list[tuple[int, int]]:
    """Indices of those bones whose ends the skeleton has."""
    at = skeleton.index_of
    return [(at[a], at[b]) for a, b in bones if a in at and b in at]


def bone_lengths(joints: Tensor, bones: list[tuple[int, int]]) -> Tensor:
    """(..., J, 3) → (..., B)."""
    first, second = zip(*bones, strict=True)
    lengths: Tensor = (joints[..., list(first), :] - joints[..., list(second), :]).norm(dim=-1)
    return lengths


def known_bones(known: Tensor, bones: list[tuple[int, int]]) -> Tensor:
    """Joints (..., J) that are known, 1 or 0 → bones (..., B) of which both ends are."""
    first, second = zip(*bones, strict=True)
    return known[..., list(first)] * known[..., list(second)]


def mirrored_bones(skeleton: Skeleton) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Bones of the left side, and their counterparts of the right."""
    order = skeleton.flip_order
    left = [(a, b) for a, b in skeleton.edges if (order[a], order[b]) != (a, b) and skeleton.joints[b].startswith("L_")]
    return left, [(order[a], order[b]) for a, b in left]
