"""Losses on the lengths of bones: their ratios, their mean, and that they do not change over time."""

from __future__ import annotations

import torch
from torch import Tensor

from pose3d_ros.skeletons import Skeleton
from pose3d_training.learning.bones import GROUPS, bone_indices, bone_lengths, known_bones, mirrored_bones
from pose3d_training.learning.loss_term import Lifted, LossTerm

_MOMENTUM = 0.02
_MIN_LENGTH_M = 1e-3


class BoneRatios(LossTerm):
    """Variance within groups of the bones' lengths over their mean in people (Zhou 2017, eq. 5), of unlabeled samples.

    In arms, legs, shoulders and hips of one person all lengths are the same multiple of everyone's. The mean lengths
    are those of the labeled samples so far; before there is any, and where nothing is unlabeled, the loss is 0. The
    paper turns it on in the last of three stages: give its weight as points. Bones with an unknown end do not count.
    The authors' code (pytorch-pose-hg-3d) has half of the variance, as a mean over labeled people, too.
    """

    lengths_m: Tensor

    def __init__(self, input_skeleton: Skeleton, skeleton: Skeleton) -> None:
        super().__init__(input_skeleton, skeleton)
        self.groups = [bones for bones in (bone_indices(skeleton, group) for group in GROUPS) if bones]
        self.bones = [bone for bones in self.groups for bone in bones]
        self.register_buffer("lengths_m", torch.zeros(len(self.bones)))

    def forward(self, lifted: Lifted) -> Tensor:
        """See `LossTerm`."""
        labeled = lifted.labeled[:, 0, 0] > 0
        if self.training and bool(labeled.any()):
            self._learn(bone_lengths(lifted.batch["target_m"][labeled], self.bones).mean(dim=(0, 1)))
        if bool(labeled.all()) or float(self.lengths_m.sum()) == 0:
            return lifted.joints_m.sum() * 0
        ratios = bone_lengths(lifted.joints_m[~labeled], self.bones) / self.lengths_m.clamp(min=_MIN_LENGTH_M)
        sizes = [len(bones) for bones in self.groups]
        parts, known = torch.split(ratios, sizes, dim=-1), known_bones(lifted.known[~labeled], self.bones)
        return torch.stack(
            [_variance(*both) for both in zip(parts, torch.split(known, sizes, dim=-1), strict=True)]
        ).sum()

    @torch.no_grad()
    def _learn(self, lengths_m: Tensor) -> None:
        first = float(self.lengths_m.sum()) == 0
        self.lengths_m.lerp_(lengths_m.to(self.lengths_m), 1.0 if first else _MOMENTUM)


class MeanBones(LossTerm):
    """L1 between mean lengths of bones of unlabeled and of labeled samples (Pavllo 2019, section 4.2), metres."""

    def forward(self, lifted: Lifted) -> Tensor:
        """See `LossTerm`."""
        labeled = lifted.labeled[:, 0, 0] > 0
        if bool(labeled.all()) or not bool(labeled.any()):
            return lifted.joints_m.sum() * 0
        bones = list(self.skeleton.edges)
        true = bone_lengths(lifted.batch["target_m"][labeled], bones).mean(dim=(0, 1))
        known = known_bones(lifted.known[~labeled], bones)
        people = known.sum(dim=(0, 1))
        mean = (bone_lengths(lifted.joints_m[~labeled], bones) * known).sum(dim=(0, 1)) / people.clamp(min=1)
        seen = (people > 0).to(mean.dtype)
        off: Tensor = ((mean - true).abs() * seen).sum() / seen.sum().clamp(min=1)
        return off


class SteadyBones(LossTerm):
    """What bones of one person may not do: change over the window, or differ between left and right.

    Mean over bones of the variance of ln length over the frames, and of the squared difference of both sides' mean ln
    length. It needs windows of several frames (`window_frames`) to say anything of time.
    """

    def __init__(self, input_skeleton: Skeleton, skeleton: Skeleton) -> None:
        super().__init__(input_skeleton, skeleton)
        self.left, self.right = mirrored_bones(skeleton)

    def forward(self, lifted: Lifted) -> Tensor:
        """See `LossTerm`."""
        log = _logs(lifted.joints_m, list(self.skeleton.edges))
        change = log.var(dim=1, correction=0).mean()
        left, right = (_logs(lifted.joints_m, bones).mean(dim=1) for bones in (self.left, self.right))
        return change + (left - right).square().mean()


def _variance(ratios: Tensor, known: Tensor) -> Tensor:
    """Mean over people and frames of the variance of ratios (N, T, B) of known bones, where there are two."""
    count = known.sum(dim=-1)
    mean = (ratios * known).sum(dim=-1) / count.clamp(min=1)
    variance = ((ratios - mean[..., None]).square() * known).sum(dim=-1) / count.clamp(min=1)
    compared = (count > 1).to(variance.dtype)
    return (variance * compared).sum() / compared.sum().clamp(min=1)


def _logs(joints_m: Tensor, bones: list[tuple[int, int]]) -> Tensor:
    return bone_lengths(joints_m, bones).clamp(min=_MIN_LENGTH_M).log()
