"""A refinement unit trained on what a frozen net says, with few 3D labels (Kocabas 2019, EpipolarPose, section 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pose3d_ros.errors import InputError
from pose3d_training.nets.refinement_net import RefinementUnit

_LEAST_DEVIATION_M = 1e-3
_LEARNING_RATE, _BATCH, _MOST_NORM = 1e-3, 128, 1.0
"""As in the authors' refiner/main.py, but for the batch, which is 64 there."""


class PoseRefiner(nn.Module):
    """3D joints (N, J, 3), metres, relative to the root → better ones.

    As in the authors' refiner/data.py the unit reads and gives standardized coordinates: of joints in metres its first
    estimates are metres off. Unlike theirs it gives what to add to the joints, since no connection leads around it, and
    has less dropout (theirs: 0.5) and fewer channels (theirs: 1024).
    """

    mean_m: Tensor
    deviation_m: Tensor
    mean_change_m: Tensor
    change_deviation_m: Tensor

    def __init__(self, num_joints: int, *, channels: int = 256, dropout: float = 0.1) -> None:
        super().__init__()
        self.unit = RefinementUnit(num_joints, num_joints, channels=channels, dropout=dropout)
        for name in ("mean", "mean_change"):
            self.register_buffer(f"{name}_m", torch.zeros(num_joints, 3))
        for name in ("deviation", "change_deviation"):
            self.register_buffer(f"{name}_m", torch.ones(num_joints, 3))

    def standardize(self, joints_m: Tensor, true_m: Tensor) -> None:
        """Take means and deviations from what the net says of labeled people, and from their labels, both (N, J, 3)."""
        for values, mean, deviation in (
            (joints_m, self.mean_m, self.deviation_m),
            (true_m - joints_m, self.mean_change_m, self.change_deviation_m),
        ):
            mean.copy_(values.mean(dim=0))
            deviation.copy_(values.std(dim=0).clamp(min=_LEAST_DEVIATION_M))

    def loss(self, joints_m: Tensor, true_m: Tensor) -> Tensor:
        """Squared distances of both of the unit's estimates, in deviations."""
        change = (true_m - joints_m - self.mean_change_m) / self.change_deviation_m
        early, late = self.unit(self._standard(joints_m))
        loss: Tensor = (early - change).square().mean() + (late - change).square().mean()
        return loss

    def forward(self, joints_m: Tensor) -> Tensor:
        """The refined joints."""
        refined: Tensor = joints_m + self.unit(self._standard(joints_m))[1] * self.change_deviation_m
        return refined + self.mean_change_m

    def _standard(self, joints_m: Tensor) -> Tensor:
        return (joints_m - self.mean_m) / self.deviation_m


def trained_refiner(joints_m: Tensor, true_m: Tensor, *, steps: int = 3000, seed: int = 0) -> PoseRefiner:
    """A refiner, in eval mode, of what a net says of labeled people, to their labels.

    It pays most where the net has not learned from these labels, as one that was trained without any.

    Parameters
    ----------
    joints_m, true_m : Tensor
        (N, J, 3) float32, relative to the root, metres.
    steps : int
        Of 128 people each, with a learning rate that falls to 0.
    seed : int
        Of the unit's weights and of the order of people.

    Raises
    ------
    InputError
        For fewer than two people, or joints and labels of different shapes.
    """
    if joints_m.ndim != 3 or joints_m.shape != true_m.shape or len(joints_m) < 2:
        raise InputError(
            "poses to learn refinement from",
            expected="joints and labels of one shape (N, J, 3), of two people or more",
            got=f"{tuple(joints_m.shape)} and {tuple(true_m.shape)}",
            fix="Give a label for each pose.",
        )
    torch.manual_seed(seed)
    refiner = PoseRefiner(joints_m.shape[1])
    refiner.standardize(joints_m, true_m)
    optimizer = torch.optim.Adam(refiner.parameters(), _LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        at = torch.randint(len(joints_m), (_BATCH,))
        optimizer.zero_grad(set_to_none=True)
        refiner.loss(joints_m[at], true_m[at]).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(refiner.parameters(), _MOST_NORM)
        optimizer.step()
        schedule.step()
    return refiner.eval()
