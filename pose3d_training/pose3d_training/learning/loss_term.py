"""What a lifter's loss is made of: terms with weights, and critics that learn against the net."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pose3d_ros.skeletons import DERIVED, Skeleton

Weight = float | Sequence[Sequence[float]]
"""Of a term: a number, or points (share of the training done, weight), linear in between."""


@dataclass(frozen=True)
class Lifted:
    """What the net said of a batch.

    joints_m (N, T, J_out, 3): relative to the root, in the person's frame, metres. batch: fields of `WeakLiftSample`, N
    first. input_skeleton, skeleton: of `features` and of joints. progress: share of the training done, 0 to 1.
    right_view (N, T, J_out, 2): of a lifter that synthesizes one, see `learning.right_view`.
    """

    joints_m: Tensor
    batch: Mapping[str, Tensor]
    input_skeleton: Skeleton
    skeleton: Skeleton
    progress: float = 0.0
    right_view: Tensor | None = None

    @property
    def features(self) -> Tensor:
        """(N, T, J_in, 3): x, y, score of the 2D joints."""
        return self.batch["features"]

    @property
    def labeled(self) -> Tensor:
        """(N, 1, 1): 1 where there is a 3D label, of all joints, else 0."""
        labeled = self.batch.get("labeled")
        if labeled is None:
            return self.joints_m.new_ones(len(self.joints_m), 1, 1)
        return labeled[:, None, None]

    @property
    def labeled_joints(self) -> Tensor:
        """(N, T, J_out): 1 where there is a 3D label of the joint, else 0; in recordings some joints have none."""
        given = self.batch.get("labeled_joints")
        return self.labeled.expand(self.joints_m.shape[:-1]) if given is None else given

    @property
    def in_target(self) -> Tensor:
        """(N, T, J_out): 0 where `target_m` does not say where a joint is, labeled or not, as in recordings, else 1."""
        given = self.batch.get("in_target")
        return self.joints_m.new_ones(self.joints_m.shape[:-1]) if given is None else given

    @property
    def known(self) -> Tensor:
        """(N, T, J_out): 1 where a joint is known well enough for a loss to read it, which is everywhere by default."""
        known = self.batch.get("known")
        return self.joints_m.new_ones(self.joints_m.shape[:-1]) if known is None else known

    def keypoints(self) -> tuple[Tensor, Tensor]:
        """x/z and y/z (N, T, J_in, 2) of the 2D joints in the person's frame, and scores (N, T, J_in), 0: unknown."""
        center, spread = self.batch["center"][:, :, None], self.batch["spread"][:, :, None, None]
        return self.features[..., :2] * spread + center, self.features[..., 2]


class LossTerm(nn.Module, ABC):
    """A part of a lifter's loss. Its own parameters, if any, are trained with the net's and delivered nowhere."""

    def __init__(self, input_skeleton: Skeleton, skeleton: Skeleton) -> None:
        super().__init__()
        self.input_skeleton, self.skeleton = input_skeleton, skeleton

    @abstractmethod
    def forward(self, lifted: Lifted) -> Tensor:
        """The loss, a scalar."""


class Critic(LossTerm):
    """A term that tells poses of the net from true ones, and is trained to, by an optimizer of its own.

    `forward` is the net's loss, through the critic's parameters as they are.
    """

    learning_rate: float = 1e-4

    @abstractmethod
    def critic_loss(self, lifted: Lifted) -> Tensor:
        """The critic's own loss; `lifted.joints_m` has no gradient."""


class JointTerm(LossTerm):
    """Mean distance of joints from their label (MPJPE), of labeled joints only, in metres."""

    def forward(self, lifted: Lifted) -> Tensor:
        """See `LossTerm`."""
        distance = (lifted.joints_m - lifted.batch["target_m"]).norm(dim=-1)
        weight = lifted.labeled_joints
        mean: Tensor = (distance * weight).sum() / weight.sum().clamp(min=1)
        return mean


def weight_at(weight: Weight, progress: float) -> float:
    """The weight of a term when a share `progress` of the training is done."""
    if isinstance(weight, (int, float)):
        return float(weight)
    shares, values = zip(*weight, strict=True)
    for i in range(1, len(shares)):
        if progress <= shares[i]:
            part = max(0.0, progress - shares[i - 1]) / (shares[i] - shares[i - 1])
            return float(values[i - 1] + part * (values[i] - values[i - 1]))
    return float(values[-1])


def common_joints(source: Skeleton, target: Skeleton) -> tuple[Tensor, Tensor]:
    """How joints that both skeletons know follow from either.

    Returns matrices (K, J_source) and (K, J_target) that take the joints of each to the K common ones: a joint by its
    name, a pelvis or thorax that one of them lacks as the mean of hips or shoulders.
    """
    rows = [
        (one, other)
        for name in dict.fromkeys((*source.joints, *target.joints))
        if (one := _row(source, name)) is not None and (other := _row(target, name)) is not None
    ]
    first, second = zip(*rows, strict=True)
    return torch.stack(first), torch.stack(second)


def _row(skeleton: Skeleton, name: str) -> Tensor | None:
    names = (name,) if name in skeleton.index_of else DERIVED.get(name, ("",))
    if not all(one in skeleton.index_of for one in names):
        return None
    row = torch.zeros(len(skeleton))
    for one in names:
        row[skeleton.index_of[one]] = 1 / len(names)
    return row
