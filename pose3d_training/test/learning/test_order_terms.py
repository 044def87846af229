"""Losses of the order in depth, by hand and by their gradients."""

from __future__ import annotations

import math

import pytest
import torch

from pose3d_training.learning.order_terms import OrdinalDepth, PairwiseRanking, depth_order

from .people import H36M, changed, people


def test_order_of_pairs_by_hand() -> None:
    depth = torch.tensor([1.0, 1.05, 2.0])
    pairs = torch.tensor([[0, 0, 1, 2], [1, 2, 2, 0]])
    assert depth_order(depth, pairs).tolist() == [0, 1, 1, -1]


def test_losses_of_one_pair_by_hand() -> None:
    behind, order = torch.tensor([2.0, 2.0, -1.5]), torch.tensor([1.0, -1.0, 0.0])
    ordinal = OrdinalDepth(H36M, H36M).pair_loss(behind, order)
    assert ordinal.tolist() == pytest.approx([math.log(1 + math.exp(-2)), math.log(1 + math.exp(2)), 2.25])
    ranking = PairwiseRanking(H36M, H36M).pair_loss(behind, order)
    nearer = 1 / (1 + math.exp(1.5))
    even = -0.5 * (math.log(nearer) + math.log(1 - nearer))
    assert ranking.tolist() == pytest.approx([math.log(1 + math.exp(-2)), math.log(1 + math.exp(2)), even])


@pytest.mark.parametrize("kind", [OrdinalDepth, PairwiseRanking])
def test_labeled_samples_do_not_count_and_wrong_order_costs(kind: type[OrdinalDepth]) -> None:
    lifted, term = people([1.0, 0.0]), kind(H36M, H36M)
    joints = lifted.joints_m.clone()
    right = float(term(changed(lifted, joints)))
    joints[0, ..., 2] *= -1
    assert float(term(changed(lifted, joints))) == pytest.approx(right)
    joints[1, ..., 2] *= -1
    assert float(term(changed(lifted, joints))) > 2 * right


@pytest.mark.parametrize("kind", [OrdinalDepth, PairwiseRanking])
def test_gradients_are_those_of_differences(kind: type[OrdinalDepth]) -> None:
    lifted = people([1.0, 0.0])
    joints = (1.1 * lifted.joints_m).requires_grad_()
    assert torch.autograd.gradcheck(lambda j: kind(H36M, H36M)(changed(lifted, j)), (joints,))
