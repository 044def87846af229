"""Losses of 2D joints: what the 3D joints project to, from the root that fits best or from one that a net gives."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pose3d_ros.skeletons import Skeleton
from pose3d_training.learning.loss_term import Lifted, LossTerm, common_joints
from pose3d_training.nets.leaky_layers import LeakyResidual, glorot, leaky

_MIN_DEPTH_M = 0.3
_DAMPING = 1e-4


def best_root(joints_m: Tensor, keypoints: Tensor, weights: Tensor) -> Tensor:
    """The translation that brings joints closest to the rays of their keypoints, linear least squares.

    joints_m (..., K, 3): relative to some origin. keypoints (..., K, 2): x/z and y/z. weights (..., K).
    Returns (..., 3).
    Of all (X + t) = z·(x, y, 1), with z = Z + t_z: t_x − x·t_z = x·Z − X and the same of y.
    """
    one, zero = torch.ones_like(weights), torch.zeros_like(weights)
    rows_x = torch.stack([one, zero, -keypoints[..., 0]], dim=-1)
    rows_y = torch.stack([zero, one, -keypoints[..., 1]], dim=-1)
    right = keypoints * joints_m[..., 2:] - joints_m[..., :2]
    rows, right = torch.cat([rows_x, rows_y], dim=-2), torch.cat([right[..., 0], right[..., 1]], dim=-1)
    weighted = rows * torch.cat([weights, weights], dim=-1)[..., None]
    normal = weighted.mT @ rows + _DAMPING * torch.eye(3, dtype=rows.dtype, device=rows.device)
    solved: Tensor = torch.linalg.solve(normal, (weighted.mT @ right[..., None])).squeeze(-1)
    return solved


class Reprojection(LossTerm):
    """Distance of the projected joints from the keypoints, in spreads of the person, weighted by their scores.

    The root is where the joints fit the keypoints best. Huber beyond a tenth of the spread: keypoints have outliers.
    """

    from_keypoints: Tensor
    from_joints: Tensor

    def __init__(self, input_skeleton: Skeleton, skeleton: Skeleton) -> None:
        super().__init__(input_skeleton, skeleton)
        first, second = common_joints(input_skeleton, skeleton)
        self.register_buffer("from_keypoints", first, persistent=False)
        self.register_buffer("from_joints", second, persistent=False)

    def forward(self, lifted: Lifted) -> Tensor:
        """See `LossTerm`."""
        joints, keypoints, weights = self.matched(lifted)
        return self.distance(joints, self.root_m(lifted, joints, keypoints, weights), keypoints, weights, lifted)

    def matched(self, lifted: Lifted) -> tuple[Tensor, Tensor, Tensor]:
        """Joints (N, T, K, 3), keypoints (N, T, K, 2) and weights (N, T, K) of the joints that both skeletons know."""
        keypoints, scores = lifted.keypoints()
        unknown = (scores <= 0).to(scores.dtype)
        weights = (self.from_keypoints @ scores[..., None]).squeeze(-1)
        weights = weights * ((self.from_keypoints @ unknown[..., None]).squeeze(-1) == 0)
        return self.from_joints @ lifted.joints_m, self.from_keypoints @ keypoints, weights

    def root_m(self, lifted: Lifted, joints_m: Tensor, keypoints: Tensor, weights: Tensor) -> Tensor:
        """(N, T, 3)."""
        return best_root(joints_m, keypoints, weights)

    def distance(self, joints_m: Tensor, root_m: Tensor, keypoints: Tensor, weights: Tensor, lifted: Lifted) -> Tensor:
        """Mean distance, a scalar."""
        placed = joints_m + root_m[..., None, :]
        projected = placed[..., :2] / placed[..., 2:].clamp(min=_MIN_DEPTH_M)
        off = (projected - keypoints) / lifted.batch["spread"][..., None, None].clamp(min=1e-3)
        huber = nn.functional.huber_loss(off, torch.zeros_like(off), reduction="none", delta=0.1).sum(dim=-1) / 0.1
        mean: Tensor = (huber * weights).sum() / weights.sum().clamp(min=1)
        return mean


class Trajectory(Reprojection):
    """A net of its own gives the root, trained with labels, and by projection without them (Pavllo 2019, section 4).

    Of labeled samples: distance of the root from its label over its depth (eq. 1), metres per metre. Of the others:
    their projection from that root. The net reads what the lifter reads, and is not delivered.
    """

    def __init__(self, input_skeleton: Skeleton, skeleton: Skeleton) -> None:
        super().__init__(input_skeleton, skeleton)
        values, channels = 3 * len(input_skeleton) + 3, 128
        self.net = nn.Sequential(
            nn.Linear(values, channels), nn.ReLU(), nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, 3)
        )

    def root_m(self, lifted: Lifted, joints_m: Tensor, keypoints: Tensor, weights: Tensor) -> Tensor:
        """(N, T, 3): the depth as exp, since a spread on the image is a size over a depth."""
        center, spread = lifted.batch["center"], lifted.batch["spread"].clamp(min=1e-3)
        seen = torch.cat([lifted.features.flatten(2), center, spread.log()[..., None]], dim=-1)
        shift, log_size = self.net(seen).split([2, 1], dim=-1)
        depth = log_size.clamp(-4, 4).exp() * 0.5 / spread[..., None]
        return torch.cat([(center + shift * spread[..., None]) * depth, depth], dim=-1)

    def forward(self, lifted: Lifted) -> Tensor:
        """See `LossTerm`."""
        joints, keypoints, weights = self.matched(lifted)
        root = self.root_m(lifted, joints, keypoints, weights)
        true = lifted.batch["root_m"]
        labeled = lifted.labeled[..., 0].expand_as(true[..., 0])
        off = (root - true).norm(dim=-1) / true[..., 2].clamp(min=_MIN_DEPTH_M)
        supervised = (off * labeled).sum() / labeled.sum().clamp(min=1)
        total: Tensor = supervised + self.distance(joints, root, keypoints, weights * (1 - labeled)[..., None], lifted)
        return total


class WeakPerspective(Reprojection):
    """RepNet's camera branch and reprojection layer (Wandt 2019, section 3.2).

    A net gives a camera K (2x3) from the 2D joints; L1 between K·P and the 2D joints, in spreads, both about the mean
    of the known joints, weighted by scores; and the distance of K from a weak perspective one,
    |2/tr(KKᵀ)·KKᵀ − I| (eq. 9). Layers and losses are those of the authors' code (train_repnet.py), where the lifter
    shares the first block, and the L1 is a mean over all coordinates, not over the weights. channels: they have 1000.
    """

    def __init__(self, input_skeleton: Skeleton, skeleton: Skeleton, channels: int = 256) -> None:
        super().__init__(input_skeleton, skeleton)
        self.camera_in = nn.Linear(3 * len(input_skeleton), channels)
        self.camera_hidden = nn.ModuleList(LeakyResidual(channels) for _ in range(3))
        self.camera_out = nn.Linear(channels, 6)
        glorot(self)

    def camera(self, features: Tensor) -> Tensor:
        """(N, T, J_in, 3) → (N, T, 2, 3)."""
        hidden = leaky(self.camera_in(features.flatten(2)))
        for block in self.camera_hidden:
            hidden = block(hidden)
        camera: Tensor = self.camera_out(hidden)
        return camera.reshape(*camera.shape[:-1], 2, 3)

    def forward(self, lifted: Lifted) -> Tensor:
        """See `LossTerm`."""
        joints, keypoints, weights = self.matched(lifted)
        camera, total = self.camera(lifted.features), weights.sum(dim=2, keepdim=True).clamp(min=1e-6)
        seen = (keypoints - lifted.batch["center"][:, :, None]) / lifted.batch["spread"][..., None, None].clamp(
            min=1e-3
        )
        off = joints @ camera.mT - seen
        off = off - (off * weights[..., None]).sum(dim=2, keepdim=True) / total[..., None]
        planar = (off.abs().sum(dim=-1) * weights).sum() / weights.sum().clamp(min=1)
        square = camera @ camera.mT
        trace = square.diagonal(dim1=-2, dim2=-1).sum(dim=-1).clamp(min=1e-6)
        skew = 2 / trace[..., None, None] * square - torch.eye(2, dtype=square.dtype, device=square.device)
        loss: Tensor = planar + skew.abs().sum(dim=(-2, -1)).mean()
        return loss
