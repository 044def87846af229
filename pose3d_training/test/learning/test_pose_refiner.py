"""A refiner corrects what a net has wrong about everyone, and leaves alone what it can't better."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pose3d_ros.errors import InputError
from pose3d_training.learning.pose_refiner import PoseRefiner, trained_refiner


def poses(count: int, seed: int) -> Tensor:
    """Bent arms of four joints (N, 4, 3), metres, from the first joint."""
    generator = torch.Generator().manual_seed(seed)
    angles = torch.randn(count, 3, generator=generator).cumsum(dim=1)
    bones = torch.stack([angles.cos(), angles.sin(), 0.3 * angles], dim=-1) * torch.tensor([0.1, 0.3, 0.25])[:, None]
    return torch.cat([torch.zeros(count, 1, 3), bones.cumsum(dim=1)], dim=1)


def error_m(found: Tensor, true: Tensor) -> float:
    return float((found - true).norm(dim=-1).mean().detach())


def flattened(true: Tensor) -> Tensor:
    """What a net says that has half of the depth, and leans to one side."""
    return true * torch.tensor([1.0, 1.0, 0.5]) + true[..., 1:2] * torch.tensor([0.3, 0.0, 0.0])


def test_systematic_errors_are_corrected_in_people_not_seen() -> None:
    train, other = poses(2000, 1), poses(500, 2)
    refiner = trained_refiner(flattened(train), train, steps=200)
    assert error_m(refiner(flattened(other)), other) < 0.5 * error_m(flattened(other), other)


def test_poses_without_an_error_stay() -> None:
    true = poses(500, 1)
    torch.testing.assert_close(trained_refiner(true, true, steps=100)(true), true, rtol=0, atol=5e-3)


def test_the_same_seed_gives_the_same_refiner() -> None:
    true = poses(200, 1)
    one, two, other = (trained_refiner(flattened(true), true, steps=3, seed=seed)(true) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("joints", "labels"), [((1, 4, 3), (1, 4, 3)), ((5, 4, 3), (4, 4, 3)), ((5, 12), (5, 12))])
def test_poses_without_labels_are_refused(joints: tuple[int, ...], labels: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="label for each pose"):
        trained_refiner(torch.zeros(joints), torch.zeros(labels))


def test_statistics_are_of_joints_and_of_what_they_lack() -> None:
    refiner = PoseRefiner(2, channels=8)
    joints = torch.tensor([[[0.0, 0, 0], [1, 0, 0]], [[0, 0, 0], [3, 0, 0]]])
    refiner.standardize(joints, joints + torch.tensor([[[0.0, 0, 0], [0, 1, 0]], [[0, 0, 0], [0, 3, 0]]]))
    assert refiner.mean_m[1].tolist() == [2, 0, 0]
    assert refiner.mean_change_m[1].tolist() == [0, 2, 0]
    deviation = 2**0.5  # of two values, 2 apart
    assert refiner.deviation_m[1].tolist() == pytest.approx([deviation, 1e-3, 1e-3])
    assert refiner.change_deviation_m[1].tolist() == pytest.approx([1e-3, deviation, 1e-3])


def test_loss_of_both_estimates_in_deviations() -> None:
    """A unit that says 0 adds the mean of what joints lack: 1 and −1 are left of two people, each of one coordinate."""
    refiner = PoseRefiner(1, channels=8).eval()
    for layer in (refiner.unit.w2, refiner.unit.w4):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    joints = torch.zeros(2, 1, 3)
    true = torch.tensor([[[1.0, 0, 0]], [[3.0, 0, 0]]])
    refiner.standardize(joints, true)
    torch.testing.assert_close(refiner(joints), torch.tensor([[[2.0, 0, 0]]]).expand(2, 1, 3))
    assert float(refiner.loss(joints, true).detach()) == pytest.approx(2 * 0.5 / 3)
