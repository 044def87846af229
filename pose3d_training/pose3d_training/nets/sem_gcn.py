"""Semantic graph convolutional lifters (Zhao et al. 2019, arXiv 1904.03345).

`SemGCN` has the published model's layers, state-dict keys and shapes. `SkeletonLifter` lets it give other joints than
those it sees.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from pose3d_ros.skeletons import Skeleton
from pose3d_training.nets.lifter_nets import FrameLifter
from pose3d_training.nets.sem_gcn_layers import (
    GraphConv,
    GraphNonLocal,
    Groups,
    ResGraphConv,
    SemGraphConv,
    fix_graph,
    neighbors,
)


class SemGCN(FrameLifter):
    """Graph convolutions from the 2D to the 3D joints of one graph.

    mask: (J, J), see `neighbors`. channels: of the hidden layers. layers: residual blocks, of two graph convolutions.
    groups: sets of joints of one size that non-local blocks pool, each joint in one of them; None without such blocks.
    """

    def __init__(
        self, mask: Tensor, in_features: int = 2, *, channels: int = 128, layers: int = 4, groups: Groups | None = None
    ) -> None:
        super().__init__()
        self.num_joints_in, self.in_features, self.num_joints_out = len(mask), in_features, len(mask)
        first: list[nn.Module] = [GraphConv(in_features, channels, mask)]
        blocks: list[nn.Module] = []
        if groups:
            first.append(GraphNonLocal(channels, groups))
        for _ in range(layers):
            blocks.append(ResGraphConv(channels, mask))
            if groups:
                blocks.append(GraphNonLocal(channels, groups))
        self.gconv_input = nn.Sequential(*first)
        self.gconv_layers = nn.Sequential(*blocks)
        self.gconv_output = SemGraphConv(channels, 3, mask)

    def forward(self, x: Tensor) -> Tensor:
        """Lift joints (N, J, F) → (N, J, 3)."""
        y: Tensor = self.gconv_output(self.gconv_layers(self.gconv_input(x)))
        return y

    def frozen(self) -> nn.Module:
        """See `FrameLifter`."""
        return fix_graph(copy.deepcopy(self).eval())


class SkeletonLifter(FrameLifter):
    """A SemGCN over the joints of two skeletons, joined by the bones of both.

    Joints of `seen` come in, the others are zeros to it; those of `skeleton` come out.
    """

    places: Tensor

    def __init__(
        self, seen: Skeleton, skeleton: Skeleton, in_features: int, *, channels: int = 128, layers: int = 4
    ) -> None:
        super().__init__()
        names = [*skeleton.joints, *(name for name in seen.joints if name not in skeleton.index_of)]
        bones = [(names.index(s.joints[a]), names.index(s.joints[b])) for s in (seen, skeleton) for a, b in s.edges]
        self.num_joints_in, self.in_features, self.num_joints_out = len(seen), in_features, len(skeleton)
        self.net = SemGCN(neighbors(len(names), bones), in_features, channels=channels, layers=layers)
        places = [[float(name == joint) for joint in seen.joints] for name in names]
        self.register_buffer("places", torch.tensor(places), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Lift joints (N, J_in, F) → (N, J_out, 3)."""
        y: Tensor = self.net(self.places @ x)
        return y[:, : self.num_joints_out]

    def frozen(self) -> nn.Module:
        """See `FrameLifter`."""
        return fix_graph(copy.deepcopy(self).eval())
