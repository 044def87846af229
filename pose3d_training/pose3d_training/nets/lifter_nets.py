"""Lifters of single frames: 2D joints of a person → 3D joints relative to the root.

`ResidualLifter` is the fully connected net of Martinez et al. 2017 (arXiv 1705.03098, section 3). The authors' code is
TensorFlow; state-dict keys and shapes are those of the port that github.com/garyzhao/SemGCN (models/linear_model.py)
publishes weights of.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from pose3d_training.nets.leaky_layers import LeakyResidual, glorot, leaky


class FrameLifter(nn.Module, ABC):
    """(N, J_in, F) → (N, J_out, 3). num_joints_in, in_features, num_joints_out: J_in, F and J_out."""

    num_joints_in: int
    in_features: int
    num_joints_out: int

    @abstractmethod
    def frozen(self) -> nn.Module:
        """A copy for export with the same answers in eval mode, its normalizations and constants folded."""


class ResidualLifter(FrameLifter):
    """Fully connected layers with normalization, two to a residual block.

    num_joints_in, in_features: joints and values per joint of a person. num_joints_out, out_features: those that come
    out. channels: width of the layers. blocks: residual ones.
    """

    def __init__(
        self,
        num_joints_in: int,
        in_features: int,
        num_joints_out: int,
        *,
        channels: int = 1024,
        blocks: int = 2,
        dropout: float = 0.5,
        out_features: int = 3,
    ) -> None:
        super().__init__()
        self.num_joints_in, self.in_features = num_joints_in, in_features
        self.num_joints_out, self.out_features = num_joints_out, out_features
        self.w1: nn.Module = nn.Linear(num_joints_in * in_features, channels)
        self.batch_norm1: nn.Module = nn.BatchNorm1d(channels)
        self.linear_stages = nn.ModuleList(_Block(channels, dropout) for _ in range(blocks))
        self.w2 = nn.Linear(channels, out_features * num_joints_out)
        self.drop = nn.Dropout(dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Lift joints (N, J_in, F) → (N, J_out, 3), or (N, J_out, out_features)."""
        y = self.drop(torch.relu(self.batch_norm1(self.w1(x.flatten(1)))))
        for stage in self.linear_stages:
            y = stage(y)
        joints: Tensor = self.w2(y)
        return joints.reshape(-1, self.num_joints_out, self.out_features)

    def frozen(self) -> nn.Module:
        """See `FrameLifter`."""
        net = copy.deepcopy(self).eval()
        net.w1, net.batch_norm1 = _folded(net.w1, net.batch_norm1)
        for block in net.modules():
            if isinstance(block, _Block):
                block.fold()
        return net


class LeakyLifter(FrameLifter):
    """RepNet's regression net (Wandt 2019, section 3.1): leaky ReLUs and no normalization, for learning by a critic.

    A critic's gradient differs from pose to pose of a batch; normalized over the batch, nets do not learn from it.
    Layers are those of the authors' code (train_repnet.py), which has 1000 channels and 3 blocks. The arguments are
    those of `ResidualLifter`.
    """

    def __init__(
        self, num_joints_in: int, in_features: int, num_joints_out: int, *, channels: int = 1000, blocks: int = 3
    ) -> None:
        super().__init__()
        self.num_joints_in, self.in_features, self.num_joints_out = num_joints_in, in_features, num_joints_out
        self.first = nn.Linear(num_joints_in * in_features, channels)
        self.blocks = nn.Sequential(*(LeakyResidual(channels) for _ in range(blocks)))
        self.last, self.out = nn.Linear(channels, channels), nn.Linear(channels, 3 * num_joints_out)
        glorot(self)

    def forward(self, x: Tensor) -> Tensor:
        """Lift joints (N, J_in, F) → (N, J_out, 3)."""
        joints: Tensor = self.out(leaky(self.last(self.blocks(leaky(self.first(x.flatten(1)))))))
        return joints.reshape(-1, self.num_joints_out, 3)

    def frozen(self) -> nn.Module:
        """See `FrameLifter`."""
        return copy.deepcopy(self).eval()


class _Block(nn.Module):
    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.w1: nn.Module = nn.Linear(channels, channels)
        self.batch_norm1: nn.Module = nn.BatchNorm1d(channels)
        self.w2: nn.Module = nn.Linear(channels, channels)
        self.batch_norm2: nn.Module = nn.BatchNorm1d(channels)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = self.drop(torch.relu(self.batch_norm1(self.w1(x))))
        changed: Tensor = self.drop(torch.relu(self.batch_norm2(self.w2(y))))
        return x + changed

    def fold(self) -> None:
        """Fold the normalizations in, in place."""
        self.w1, self.batch_norm1 = _folded(self.w1, self.batch_norm1)
        self.w2, self.batch_norm2 = _folded(self.w2, self.batch_norm2)


def _folded(linear: nn.Module, norm: nn.Module) -> tuple[nn.Module, nn.Module]:
    """A layer with the normalization behind it folded in, and nothing in its place."""
    if not isinstance(linear, nn.Linear) or not isinstance(norm, nn.BatchNorm1d):
        raise TypeError(f"expected Linear and BatchNorm1d, got {type(linear).__name__} and {type(norm).__name__}")
    return fuse_linear_bn_eval(linear, norm), nn.Identity()
