"""Bones of skeletons: groups, lengths, mirror images."""

from __future__ import annotations

import torch

from pose3d_ros.skeletons import SKELETONS, get_skeleton
from pose3d_training.learning.bones import GROUPS, bone_indices, bone_lengths, mirrored_bones

MUCO = get_skeleton("muco21")


def test_lengths_by_hand() -> None:
    joints = torch.zeros(1, 21, 3)
    joints[0, MUCO.index_of["L_Elbow"]] = torch.tensor([0.3, 0.0, 0.4])
    bones = bone_indices(MUCO, [("L_Shoulder", "L_Elbow"), ("L_Hip", "L_Knee"), ("L_Hip", "No_Joint")])
    torch.testing.assert_close(bone_lengths(joints, bones), torch.tensor([[0.5, 0.0]]))


def test_every_skeleton_has_arms_and_legs_with_both_sides() -> None:
    for skeleton in SKELETONS.values():
        arms, legs = (bone_indices(skeleton, group) for group in GROUPS[:2])
        assert len(arms) == len(legs) == 4
        left, right = mirrored_bones(skeleton)
        assert len(left) >= 4
        assert all(skeleton.joints[b][1:] == skeleton.joints[d][1:] for (_, b), (_, d) in zip(left, right, strict=True))
