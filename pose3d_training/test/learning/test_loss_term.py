"""Terms of a lifter's loss: weights over the training, labels withheld, joints that two skeletons share."""

from __future__ import annotations

import pytest
import torch

from pose3d_ros.skeletons import get_skeleton
from pose3d_training.learning.loss_term import JointTerm, Lifted, common_joints, weight_at

COCO, MUCO = get_skeleton("coco17"), get_skeleton("muco21")


def test_weights_are_linear_between_points_and_constant_outside() -> None:
    points = [[0.2, 1.0], [0.6, 3.0], [1.0, 0.0]]
    assert [weight_at(points, at) for at in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)] == pytest.approx([1, 1, 2, 3, 1.5, 0])
    assert weight_at(2, 0.3) == 2.0


def test_joint_term_counts_labeled_samples_only() -> None:
    joints, target = torch.zeros(2, 1, 21, 3), torch.zeros(2, 1, 21, 3)
    target[0, :, 3, 0], target[1] = 0.42, 9.0
    batch = {"features": torch.zeros(2, 1, 17, 3), "target_m": target, "labeled": torch.tensor([1.0, 0.0])}
    assert float(JointTerm(COCO, MUCO)(Lifted(joints, batch, COCO, MUCO))) == pytest.approx(0.42 / 21)
    batch["labeled"] = torch.zeros(2)
    assert float(JointTerm(COCO, MUCO)(Lifted(joints, batch, COCO, MUCO))) == 0.0


def test_keypoints_are_those_before_normalization() -> None:
    features = torch.tensor([[[[0.5, -1.0, 0.9]]]])
    batch = {"features": features, "center": torch.tensor([[[0.1, 0.2]]]), "spread": torch.tensor([[0.4]])}
    keypoints, scores = Lifted(torch.zeros(1, 1, 21, 3), batch, COCO, MUCO).keypoints()
    torch.testing.assert_close(keypoints, torch.tensor([[[[0.3, -0.2]]]]))
    torch.testing.assert_close(scores, torch.tensor([[[0.9]]]))


def test_common_joints_are_the_same_places_of_both_skeletons() -> None:
    from_coco, from_muco = common_joints(COCO, MUCO)
    assert from_coco.shape[1:] == (17,)
    assert from_muco.shape[1:] == (21,)
    shared = {name for name in COCO.joints if name in MUCO.index_of} | {"Pelvis", "Thorax"}
    assert len(from_coco) == len(from_muco) == len(shared)
    names = [MUCO.joints[int(row.argmax())] for row in from_muco]
    pelvis = from_coco[names.index("Pelvis")]
    assert {COCO.joints[i] for i in pelvis.nonzero().flatten().tolist()} == {"L_Hip", "R_Hip"}
    assert pelvis.sum() == 1
