"""Losses on bones, by hand and by their gradients."""

from __future__ import annotations

import pytest
import torch

from pose3d_training.learning.bone_terms import BoneRatios, MeanBones, SteadyBones
from pose3d_training.learning.bones import bone_lengths

from .people import H36M, changed, people


def one_bone_longer(factor: float) -> tuple[BoneRatios, torch.Tensor, torch.Tensor]:
    """A term whose mean lengths are the first person's; joints of both; the second's left forearm is longer."""
    lifted = people([1.0, 0.0])
    joints = lifted.batch["target_m"].clone()
    joints[1] = joints[0]
    elbow, wrist = H36M.index_of["L_Elbow"], H36M.index_of["L_Wrist"]
    joints[1, :, wrist] = joints[1, :, elbow] + factor * (joints[1, :, wrist] - joints[1, :, elbow])
    return BoneRatios(H36M, H36M).double(), joints, lifted.batch["target_m"]


def test_bone_ratios_are_the_variance_within_a_group() -> None:
    term, joints, _ = one_bone_longer(1.4)
    lifted = people([1.0, 0.0])
    # Ratios of the arms are 1, 1, 1 and 1.4: mean 1.1, variance (3·0.01 + 0.09) / 4.
    assert float(term(changed(lifted, joints))) == pytest.approx(0.12 / 4)


def test_scaled_people_have_no_bone_ratio_loss() -> None:
    term, joints, _ = one_bone_longer(1.0)
    joints[1] *= 1.3
    assert float(term(changed(people([1.0, 0.0]), joints))) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("labeled", [[1.0, 1.0], [0.0, 0.0]])
def test_bone_ratios_need_labeled_and_unlabeled_people(labeled: list[float]) -> None:
    lifted = people(labeled)
    joints = (2 * lifted.joints_m).requires_grad_()
    loss = BoneRatios(H36M, H36M).double()(changed(lifted, joints))
    loss.backward()
    assert loss.item() == 0.0


def test_mean_bones_compare_unlabeled_people_with_labeled_ones() -> None:
    lifted = people([1.0, 0.0])
    joints = lifted.joints_m.clone()
    joints[1] = 1.25 * lifted.batch["target_m"][0]
    wanted = 0.25 * float(bone_lengths(lifted.batch["target_m"][0], list(H36M.edges)).mean())
    assert float(MeanBones(H36M, H36M)(changed(lifted, joints))) == pytest.approx(wanted)


def test_steady_bones_ask_for_equal_sides_and_no_change() -> None:
    lifted = people([0.0], frames=2)
    pose = lifted.joints_m[:, :1].clone()
    order = list(H36M.flip_order)
    pose = (pose + pose[:, :, order] * torch.tensor([-1.0, 1.0, 1.0])) / 2
    term = SteadyBones(H36M, H36M)
    assert float(term(changed(lifted, pose.expand(-1, 2, -1, -1)))) == pytest.approx(0.0, abs=1e-12)
    grown = torch.cat([pose, pose * torch.e], dim=1)  # ln length 0 and 1: variance 1/4
    assert float(term(changed(lifted, grown))) == pytest.approx(0.25)


@pytest.mark.parametrize("kind", [BoneRatios, MeanBones, SteadyBones])
def test_gradients_are_those_of_differences(kind: type[BoneRatios]) -> None:
    lifted = people([1.0, 0.0, 0.0], frames=2)
    term = kind(H36M, H36M).double()
    term(lifted)
    term.eval()
    joints = (1.1 * lifted.joints_m + 0.03).requires_grad_()
    assert torch.autograd.gradcheck(lambda j: term(changed(lifted, j)), (joints,))
