"""Critics: nets that learn to tell the lifter's poses from true ones, which belong to no image."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pose3d_ros.skeletons import Skeleton
from pose3d_training.learning.loss_term import Critic, Lifted
from pose3d_training.learning.projection_terms import Reprojection, best_root
from pose3d_training.nets.leaky_layers import SLOPE, LeakyResidual, glorot, leaky

_PENALTY = 10.0
_MIN_DEPTH_M = 0.3
_GAIN = 10.0
"""Of differences between frames, beside positions in metres."""


class WassersteinCritic(Critic):
    """Wasserstein distance with gradient penalty (Gulrajani 2017, eq. 3): one step for each of the net.

    RepNet's authors have one (train_repnet.py), where Gulrajani's algorithm has five.
    """

    @abstractmethod
    def score(self, windows: Tensor) -> Tensor:
        """(M, T, V) → (M,), higher for true ones."""

    @abstractmethod
    def windows(self, lifted: Lifted) -> tuple[Tensor, Tensor]:
        """The net's windows and true ones, both (M, T, V)."""

    def forward(self, lifted: Lifted) -> Tensor:
        """See `LossTerm`."""
        return -self.score(self.windows(lifted)[0]).mean()

    def critic_loss(self, lifted: Lifted) -> Tensor:
        """See `Critic`."""
        made, true = self.windows(lifted)
        distance = self.score(made).mean() - self.score(true).mean()
        return distance + _PENALTY * gradient_penalty(self.score, made, true)


def gradient_penalty(score: Callable[[Tensor], Tensor], made: Tensor, true: Tensor) -> Tensor:
    """Squared distance from 1 of the gradient's norm at random points between both (Gulrajani 2017, eq. 3), a mean."""
    share = torch.rand(len(made), *[1] * (made.ndim - 1), dtype=made.dtype, device=made.device)
    between = (share * made + (1 - share) * true).detach().requires_grad_()
    (slope,) = torch.autograd.grad(score(between).sum(), between, create_graph=True)
    penalty: Tensor = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    return penalty


def kinematic_chain_space(joints: Tensor, bones: tuple[tuple[int, int], ...]) -> Tensor:
    """Ψ = BᵀB, of bones b = child − parent as the columns of B (Wandt 2019, eq. 5 and 6): (..., J, 3) → (..., B, B)."""
    parents, children = (list(ends) for ends in zip(*bones, strict=True))
    chain = joints[..., children, :] - joints[..., parents, :]
    return chain @ chain.mT


class FrameCritic(WassersteinCritic):
    """A critic of single frames."""

    def windows(self, lifted: Lifted) -> tuple[Tensor, Tensor]:
        """See `WassersteinCritic`."""
        return _frames(lifted.joints_m), _frames(lifted.batch["prior_m"])


def _frames(joints_m: Tensor) -> Tensor:
    return joints_m.flatten(2).flatten(0, 1)[:, None]


class PoseCritic(FrameCritic):
    """RepNet's critic of single poses: paths for joints and for the kinematic chain space (Wandt 2019, section 3.3).

    Layers and losses are those of the authors' code (train_repnet.py), where scores have the other sign and β₁ is 0.5.
    channels: of the second path; they have 1000.
    """

    def __init__(self, input_skeleton: Skeleton, skeleton: Skeleton, channels: int = 256) -> None:
        super().__init__(input_skeleton, skeleton)
        self.pose_in, self.pose_second = nn.Linear(3 * len(skeleton), 100), LeakyResidual(100)
        self.pose_out = nn.Linear(100, 100)
        self.chain_in, self.chain_second = (
            nn.Linear(len(skeleton.edges) ** 2, channels),
            LeakyResidual(channels, act=False),
        )
        self.last, self.out = nn.Linear(100 + channels, 100), nn.Linear(100, 1)
        glorot(self)

    def score(self, windows: Tensor) -> Tensor:
        """See `WassersteinCritic`."""
        flat = windows[:, 0]
        chain = kinematic_chain_space(flat.reshape(len(flat), -1, 3), self.skeleton.edges).flatten(1)
        pose = self.pose_out(self.pose_second(leaky(self.pose_in(flat))))
        chain = self.chain_second(leaky(self.chain_in(chain)))
        score: Tensor = self.out(leaky(self.last(torch.cat([pose, chain], dim=1))))
        return score[:, 0]


class DescriptorCritic(FrameCritic):
    """Critic with geometric descriptors (Yang 2018, section 3.2): offsets between joints, their squares, and 2D joints.

    The descriptors are of all pairs of joints; the authors' critic reads images as well, where this one has keypoints.
    """

    pairs: Tensor

    def __init__(self, input_skeleton: Skeleton, skeleton: Skeleton, channels: int = 256) -> None:
        super().__init__(input_skeleton, skeleton)
        self.register_buffer("pairs", torch.triu_indices(len(skeleton), len(skeleton), 1), persistent=False)
        self.descriptor_in = nn.Linear(6 * self.pairs.shape[1], channels)
        self.joints_in = nn.Linear(3 * len(skeleton), channels)
        self.hidden, self.out = nn.Linear(2 * channels, channels), nn.Linear(channels, 1)

    def score(self, windows: Tensor) -> Tensor:
        """See `WassersteinCritic`."""
        flat = windows[:, 0]
        joints = flat.reshape(len(flat), -1, 3)
        offset = joints[:, self.pairs[0]] - joints[:, self.pairs[1]]
        descriptor = torch.cat([offset, offset.square()], dim=-1).flatten(1)
        seen = torch.cat([leaky(self.descriptor_in(descriptor)), leaky(self.joints_in(flat))], dim=1)
        score: Tensor = self.out(leaky(self.hidden(seen)))
        return score[:, 0]


class VideoCritic(WassersteinCritic):
    """Critic of windows, of relative poses and of the root apart, so that neither hides behind the other.

    Relative poses are read with their first and second differences; of the root, which is where the joints fit the
    keypoints, differences over the depth: what a window shows of motion does not depend on how far away it is. Windows
    need at least three frames (`window_frames`).
    """

    def __init__(self, input_skeleton: Skeleton, skeleton: Skeleton, channels: int = 128) -> None:
        super().__init__(input_skeleton, skeleton)
        self.pose, self.root = _over_time(9 * len(skeleton), channels), _over_time(6, channels // 2)
        self.fit = Reprojection(input_skeleton, skeleton)

    def windows(self, lifted: Lifted) -> tuple[Tensor, Tensor]:
        """See `WassersteinCritic`: joints, then the root in the camera's frame in units of its mean depth."""
        joints, keypoints, weights = self.fit.matched(lifted)
        turn = lifted.batch["cam_from_person"].to(joints)
        root = (turn @ best_root(joints, keypoints, weights)[..., None]).squeeze(-1)
        made, true = (lifted.joints_m, root), (lifted.batch["prior_m"], lifted.batch["prior_root_m"])
        return _window(*made), _window(*true)

    def score(self, windows: Tensor) -> Tensor:
        """See `WassersteinCritic`."""
        velocity, acceleration = _GAIN * windows.diff(dim=1)[:, 1:], _GAIN * windows.diff(n=2, dim=1)
        pose = torch.cat([windows[:, 1:-1, :-3], velocity[..., :-3], acceleration[..., :-3]], dim=2)
        root = torch.cat([velocity[..., -3:], acceleration[..., -3:]], dim=2)
        score: Tensor = self.pose(pose.mT).mean(dim=2) + self.root(root.mT).mean(dim=2)
        return score[:, 0]


def _window(joints_m: Tensor, root_m: Tensor) -> Tensor:
    depth = root_m[..., 2:].mean(dim=1, keepdim=True).clamp(min=_MIN_DEPTH_M)
    return torch.cat([joints_m.flatten(2), root_m / depth], dim=2)


def _over_time(values: int, channels: int) -> nn.Module:
    layers = (
        nn.Conv1d(values, channels, 1),
        nn.LeakyReLU(SLOPE),
        nn.Conv1d(channels, channels, 3, padding=1),
        nn.LeakyReLU(SLOPE),
        nn.Conv1d(channels, channels, 3, padding=1),
        nn.LeakyReLU(SLOPE),
        nn.Conv1d(channels, 1, 1),
    )
    return nn.Sequential(*layers)
