"""Lifter that imagines a second view: the 2D joints that a camera beside would see, then 3D joints from both views.

The two subnetworks of "Generalizing Monocular 3D Human Pose Estimation in the Wild" (Wang 2019, arXiv 1904.05512):
stereoscopic view synthesis, and 3D pose reconstruction from the concatenated views. Both are fully connected nets as
Martinez 2017's, with two residual blocks, as in the authors' code (github.com/llcshappy/Monocular-3D-Human-Pose).
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from pose3d_training.nets.lifter_nets import FrameLifter, ResidualLifter


class StereoLifter(FrameLifter):
    """2D joints → those of the right view, then both → 3D joints.

    The right view has the joints that are lifted, not those that are read, because labels know them all. Other than the
    authors', who train one subnetwork after the other, both learn together, and the second one reads what the first one
    says. Arguments are those of `ResidualLifter`; layers: channels, blocks and dropout of each subnetwork.
    """

    def __init__(self, num_joints_in: int, in_features: int, num_joints_out: int, **layers: Any) -> None:
        super().__init__()
        self.num_joints_in, self.in_features, self.num_joints_out = num_joints_in, in_features, num_joints_out
        sizes = num_joints_in, in_features, num_joints_out
        self.synthesis: nn.Module = ResidualLifter(*sizes, **layers, out_features=2)
        read = num_joints_in * in_features + 2 * num_joints_out
        self.reconstruction: nn.Module = ResidualLifter(read, 1, num_joints_out, **layers)

    def views(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Joints (N, J_in, F) → their right view (N, J_out, 2), see `learning.right_view`, and joints (N, J_out, 3)."""
        right: Tensor = self.synthesis(x)
        joints: Tensor = self.reconstruction(torch.cat([x.flatten(1), right.flatten(1)], dim=1))
        return right, joints

    def forward(self, x: Tensor) -> Tensor:
        """Lift joints (N, J_in, F) → (N, J_out, 3)."""
        return self.views(x)[1]

    def frozen(self) -> nn.Module:
        """See `FrameLifter`."""
        net = copy.deepcopy(self).eval()
        for name, part in net.named_children():
            if isinstance(part, FrameLifter):
                setattr(net, name, part.frozen())
        return net
