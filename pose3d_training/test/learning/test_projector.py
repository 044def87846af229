"""The projector: by hand, by its gradients, and what refining does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pose3d_training.learning.projector import Projector

from .people import H36M, changed, people


def exact(term: Projector) -> None:
    """Make it give each joint's x and y, of the same skeleton."""
    with torch.no_grad():
        for parameter in term.parameters():
            parameter.zero_()
        for joint in range(17):
            for axis in range(2):
                # Two leaky ReLUs of x, less those of −x, are 1.09·x.
                row = 4 * joint + 2 * axis
                term.first.weight[row, 3 * joint + axis], term.first.weight[row + 1, 3 * joint + axis] = 1, -1
                term.out.weight[2 * joint + axis, row], term.out.weight[2 * joint + axis, row + 1] = 1 / 1.09, -1 / 1.09


def test_loss_is_the_distance_of_true_and_of_lifted_joints_by_hand() -> None:
    lifted = people([1.0, 0.0])
    term = Projector(H36M, H36M).double()
    exact(term)
    flat = torch.cat([lifted.features[..., :2], lifted.joints_m[..., 2:]], dim=-1)
    moved = flat.clone()
    moved[..., 0] += 0.5
    made = replace(lifted, joints_m=moved, batch={**lifted.batch, "target_m": flat + 0.25})
    assert float(term(made).detach()) == pytest.approx(2 * 0.25 + 0.5)


def test_refining_brings_joints_to_their_own_keypoints_and_leaves_depth_alone() -> None:
    lifted = people([0.0, 0.0])
    term = Projector(H36M, H36M).double()
    exact(term)
    flat = torch.cat([lifted.features[..., :2], lifted.joints_m[..., 2:]], dim=-1)
    start = flat + 0.08
    found = term.refined(start, lifted.features, stay=0.1)
    assert (found - flat)[..., :2].abs().mean() < 0.5 * (start - flat)[..., :2].abs().mean()
    torch.testing.assert_close(found[..., 2], start[..., 2])


def test_outliers_do_not_pull_joints() -> None:
    lifted = people([0.0])
    term = Projector(H36M, H36M).double()
    exact(term)
    flat = torch.cat([lifted.features[..., :2], lifted.joints_m[..., 2:]], dim=-1)
    features = lifted.features.clone()
    features[..., 5, 0] += 2.0
    assert (term.refined(flat, features, stay=0.1) - flat).abs().max() < 0.05


def test_each_person_is_refined_apart() -> None:
    torch.manual_seed(0)
    lifted, term = people([0.0, 0.0]), Projector(H36M, H36M).double()
    both = term.refined(lifted.joints_m, lifted.features)
    alone = term.refined(lifted.joints_m[:1], lifted.features[:1])
    torch.testing.assert_close(both[:1], alone)


def test_gradients_are_those_of_differences() -> None:
    torch.manual_seed(3)
    lifted, term = people([1.0, 0.0]), Projector(H36M, H36M).double()
    joints = (1.1 * lifted.joints_m).requires_grad_()
    assert torch.autograd.gradcheck(lambda j: term(changed(lifted, j)), (joints,), atol=1e-4)
