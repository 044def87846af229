"""Losses of which joint is nearer to the camera: labels that a person can give for a photograph.

They are those of a file of photographs (`order` and `ordered` of a batch, (N, T, J, J)), or are made from the 3D joints
of samples whose 3D label is withheld, as annotators would give them.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from pose3d_ros.skeletons import Skeleton
from pose3d_training.learning.loss_term import Lifted, LossTerm

CLOSE_M = 0.1
"""Depths less than this apart count as equal: annotators do not tell them apart (Pavlakos 2018 takes 10 cm too)."""


def depth_order(depth_m: Tensor, pairs: Tensor) -> Tensor:
    """+1 where the first joint of a pair is nearer, −1 where the second is, 0 where both are as near; (..., P).

    depth_m (..., J), pairs (2, P).
    """
    behind = depth_m[..., pairs[1]] - depth_m[..., pairs[0]]
    return behind.sign() * (behind.abs() >= CLOSE_M)


class _Order(LossTerm):
    pairs: Tensor

    def __init__(self, input_skeleton: Skeleton, skeleton: Skeleton) -> None:
        super().__init__(input_skeleton, skeleton)
        self.register_buffer("pairs", torch.triu_indices(len(skeleton), len(skeleton), 1), persistent=False)

    def forward(self, lifted: Lifted) -> Tensor:
        """See `LossTerm`."""
        depth = lifted.joints_m[..., 2]
        behind = (depth[..., self.pairs[1]] - depth[..., self.pairs[0]]) / CLOSE_M
        known = lifted.in_target[..., self.pairs[0]] * lifted.in_target[..., self.pairs[1]]
        unlabeled = (1 - lifted.labeled) * known
        if "order" in lifted.batch:
            order, ordered = (lifted.batch[name][..., self.pairs[0], self.pairs[1]] for name in ("order", "ordered"))
            unlabeled = unlabeled * ordered
        else:
            order = depth_order(lifted.batch["target_m"][..., 2], self.pairs)
        total: Tensor = (self.pair_loss(behind, order) * unlabeled).sum() / unlabeled.sum().clamp(min=1)
        return total

    @abstractmethod
    def pair_loss(self, behind: Tensor, order: Tensor) -> Tensor:
        """Loss of each pair. behind: by how much the second joint is further away, in units of CLOSE_M."""


class OrdinalDepth(_Order):
    """log(1 + exp(−r·Δ)) of pairs in an order r = ±1, Δ² of pairs at equal depth (Pavlakos 2018, eq. 1)."""

    def pair_loss(self, behind: Tensor, order: Tensor) -> Tensor:
        """See `_Order`."""
        return torch.where(order == 0, behind.square(), F.softplus(-order * behind))


class PairwiseRanking(_Order):
    """Cross entropy of "the first joint is nearer", a logistic function of the distance in depth (DRPose3D, Wang 2018).

    A pair at equal depth has the probability one half, so it is drawn together only as far as the logistic bends.
    """

    def pair_loss(self, behind: Tensor, order: Tensor) -> Tensor:
        """See `_Order`."""
        return F.binary_cross_entropy_with_logits(behind, (order + 1) / 2, reduction="none")
