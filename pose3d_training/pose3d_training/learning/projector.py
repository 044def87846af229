"""A net that says what 2D joints a pose has, by which a pose is refined to its own 2D joints at test time.

The 3D-to-2D projector of "3D Human Pose Machines with Self-Supervised Learning" (Wang 2019, section 3.3): trained
beside the lifter, and used where there is no label, to correct what the lifter says of one person.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pose3d_ros.skeletons import Skeleton
from pose3d_training.learning.loss_term import Lifted, LossTerm
from pose3d_training.nets.leaky_layers import LeakyResidual, leaky

_STEP_M = 0.01
_SCALE = 0.1
"""Of 2D errors, in spreads: a 2D joint that is farther off does not pull a pose towards itself."""


class Projector(LossTerm):
    """Distance of the projected joints from the 2D joints, in spreads, weighted by scores.

    Of labeled people the true joints are projected, which trains the projector alone; of all, what the lifter says.
    """

    def __init__(self, input_skeleton: Skeleton, skeleton: Skeleton, channels: int = 256) -> None:
        super().__init__(input_skeleton, skeleton)
        self.first, self.hidden = nn.Linear(3 * len(skeleton), channels), LeakyResidual(channels)
        self.out = nn.Linear(channels, 2 * len(input_skeleton))

    def project(self, joints_m: Tensor) -> Tensor:
        """Joints (..., J_out, 3) relative to the root → 2D joints (..., J_in, 2) in spreads, as `features` has them."""
        hidden = self.hidden(leaky(self.first(joints_m.flatten(-2))))
        seen: Tensor = self.out(hidden)
        return seen.reshape(*joints_m.shape[:-2], -1, 2)

    def forward(self, lifted: Lifted) -> Tensor:
        """See `LossTerm`."""
        labeled = lifted.labeled.expand(lifted.features.shape[:-1])
        true = self._off(lifted.batch["target_m"], lifted.features, labeled)
        total: Tensor = true + self._off(lifted.joints_m, lifted.features, torch.ones_like(labeled))
        return total

    def _off(self, joints_m: Tensor, features: Tensor, weights: Tensor) -> Tensor:
        weights = weights * features[..., 2]
        off = (self.project(joints_m) - features[..., :2]).abs().sum(dim=-1)
        mean: Tensor = (off * weights).sum() / weights.sum().clamp(min=1)
        return mean

    def refined(self, joints_m: Tensor, features: Tensor, steps: int = 15, stay: float = 30.0) -> Tensor:
        """Poses moved so that their projections are closer to their own 2D joints.

        joints_m (N, T, J_out, 3), features (N, T, J_in, 3). steps: of Adam, 1 cm each at most. stay: weight of the
        squared distance (m²) from where the lifter puts them. 2D joints count by their squared scores, and with Geman
        and McClure's (1987) bound, since a 2D net's outliers would make poses worse. Each person is refined apart from
        the others.
        """
        moved = joints_m.detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([moved], _STEP_M)
        for _ in range(steps):
            optimizer.zero_grad()
            square = (self.project(moved) - features[..., :2]).square().sum(dim=-1)
            off = 2 * _SCALE * square / (square + _SCALE**2) * features[..., 2].square()
            loss = off.mean(dim=-1).sum() + stay * (moved - joints_m).square().sum(dim=-1).mean(dim=-1).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return moved.detach()
