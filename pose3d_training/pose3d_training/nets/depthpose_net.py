"""The lifter of Véges and Lőrincz 2019 (arXiv 1904.05947), which says where people are, too.

State-dict keys and shapes are those of `martinez_net` of github.com/vegesm/depthpose (model/torch_martinez.py); what is
around it, of their util/training.py and util/mx_tools.py, is in the graph that is exported.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from pose3d_training.nets.lifter_nets import FrameLifter

JOINTS_IN, JOINTS_OUT, ROOT_OUT = 14, 17, 14
"""`common14` in, its first joint last; `mupots17` out, of which the pelvis is joint 14."""
_FEATURES = 3
_MM_PER_M = 1000.0


@dataclass(frozen=True, eq=False)
class Statistics:
    """Means and standard deviations of inputs and outputs, as the authors save them."""

    mean2d: Tensor
    std2d: Tensor
    mean3d: Tensor
    std3d: Tensor


class DepthposeNet(FrameLifter):
    """Features (N, 14, 3) of `hip_features` → joints (N, 17, 3), metres.

    values_in: that the first layer reads, 42, or 56 with the depths of a monocular depth map at the joints, which are
    always the training's mean here. absolute: joints from the camera, the last three values the root's x, y and ln of
    its depth; else relative to the root.
    """

    num_joints_in, in_features, num_joints_out = JOINTS_IN, _FEATURES, JOINTS_OUT

    def __init__(
        self, values_in: int, statistics: Statistics, *, absolute: bool, channels: int = 1024, blocks: int = 2
    ) -> None:
        super().__init__()
        self.values_in, self.absolute, self.statistics = values_in, absolute, statistics
        layers = [_Residual(channels) for _ in range(blocks)]
        last = nn.Linear(channels, 3 * (JOINTS_OUT if absolute else JOINTS_OUT - 1))
        self.net = nn.Sequential(nn.Linear(values_in, channels), *layers, last)

    def forward(self, x: Tensor) -> Tensor:
        """Lift features (N, 14, 3) → (N, 17, 3)."""
        s, values = self.statistics, JOINTS_IN * _FEATURES
        given = (x.flatten(1) - s.mean2d[:values]) / s.std2d[:values]
        if self.values_in > values:
            given = torch.cat((given, given.new_zeros(len(given), self.values_in - values)), dim=1)
        return self._placed(self.net(given) * s.std3d + s.mean3d)

    def _placed(self, y: Tensor) -> Tensor:
        """Their `combine_pose_and_trans` of millimetres, in metres."""
        relative = y[:, : 3 * (JOINTS_OUT - 1)].reshape(-1, JOINTS_OUT - 1, 3)
        hip = torch.zeros_like(relative[:, :1])
        joints = torch.cat((relative[:, :ROOT_OUT], hip, relative[:, ROOT_OUT:]), dim=1)
        if self.absolute:
            root = torch.cat((y[:, -3:-1], torch.exp(y[:, -1:])), dim=1)
            joints = joints + root[:, None]
        return joints / _MM_PER_M

    def frozen(self) -> nn.Module:
        """See `FrameLifter`; the columns of the depths, which are at their mean, are left out."""
        net = copy.deepcopy(self).eval()
        first, values = net.net[0], JOINTS_IN * _FEATURES
        assert isinstance(first, nn.Linear)
        kept = nn.Linear(values, first.out_features)
        kept.weight.data, kept.bias.data = first.weight.data[:, :values].clone(), first.bias.data.clone()
        net.net[0], net.values_in = kept, values
        for block in net.modules():
            if isinstance(block, _Residual):
                block.fold()
        return net


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.Linear(channels, channels), nn.BatchNorm1d(channels), nn.ReLU(), nn.Dropout(0.5)]
        self.residual = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.residual(x)
        return x + changed

    def fold(self) -> None:
        """Fold the normalizations in, in place."""
        for at in (0, 4):
            linear, norm = self.residual[at], self.residual[at + 1]
            assert isinstance(linear, nn.Linear)
            assert isinstance(norm, nn.BatchNorm1d)
            self.residual[at], self.residual[at + 1] = fuse_linear_bn_eval(linear, norm), nn.Identity()
