"""Semantic graph convolutional lifters (Zhao et al. 2019, arXiv 1904.03345).

`SemGCN` has the layers, state-dict keys and shapes of github.com/garyzhao/SemGCN; `SkeletonLifter` lets it give other
joints than those it sees. Joints' features are (N, J, C).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from pose3d_ros.skeletons import Skeleton
from pose3d_training.nets.lifter_nets import FrameLifter

Groups = Sequence[Sequence[int]]


def neighbors(joints: int, edges: Iterable[tuple[int, int]]) -> Tensor:
    """(J, J) bool: the pairs of joints that an edge joins, and each joint with itself."""
    # On the CPU even where modules are made on another device: the layers count it.
    mask = torch.eye(joints, dtype=torch.bool, device="cpu")
    for a, b in edges:
        mask[a, b] = mask[b, a] = True
    return mask


class SemGraphConv(nn.Module):
    """Zhao 2019, eq. 2: neighbors weighted by a learned softmax; a joint itself has a matrix of its own.

    mask: see `neighbors`. `e` holds the softmax's logits, by rows of the mask.
    """

    mask: Tensor

    def __init__(self, inputs: int, outputs: int, mask: Tensor) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.empty(2, inputs, outputs))
        nn.init.xavier_uniform_(self.W, gain=1.414)
        self.e = nn.Parameter(torch.ones(1, int(mask.sum())))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-(outputs**-0.5), outputs**-0.5))
        self.register_buffer("mask", mask, persistent=False)

    def adjacency(self) -> tuple[Tensor, Tensor]:
        """Weight of a joint itself (J, 1), and of its neighbors (J, J) with zeros on the diagonal."""
        nothing = torch.full(self.mask.shape, -torch.inf, device=self.e.device, dtype=self.e.dtype)
        weights = torch.softmax(nothing.masked_scatter(self.mask, self.e), dim=1)
        itself = torch.diagonal(weights)
        return itself[:, None], weights - torch.diag(itself)

    def forward(self, x: Tensor) -> Tensor:
        """(N, J, C_in) → (N, J, C_out)."""
        itself, others = self.adjacency()
        return itself * (x @ self.W[0]) + others @ (x @ self.W[1]) + self.bias

    def fixed(self, norm: nn.BatchNorm1d | None = None) -> FixedGraphConv:
        """The layer for export, its adjacency a constant, and the normalization behind it folded in."""
        return FixedGraphConv(self, norm)


class FixedGraphConv(nn.Module):
    """A SemGraphConv whose weights no longer change."""

    itself: Tensor
    others: Tensor
    own: Tensor
    theirs: Tensor
    bias: Tensor

    def __init__(self, layer: SemGraphConv, norm: nn.BatchNorm1d | None) -> None:
        super().__init__()
        scale, shift = _affine(norm, len(layer.bias))
        itself, others = layer.adjacency()
        values = {
            "itself": itself,
            "others": others,
            "own": layer.W[0] * scale,
            "theirs": layer.W[1] * scale,
            "bias": layer.bias * scale + shift,
        }
        for name, value in values.items():
            self.register_buffer(name, value.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """(N, J, C_in) → (N, J, C_out)."""
        return self.itself * (x @ self.own) + self.others @ (x @ self.theirs) + self.bias


class GraphConv(nn.Module):
    """Graph convolution, normalization and ReLU."""

    def __init__(self, inputs: int, outputs: int, mask: Tensor) -> None:
        super().__init__()
        self.gconv = SemGraphConv(inputs, outputs, mask)
        self.bn = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, J, C_in) → (N, J, C_out)."""
        return torch.relu(self.bn(self.gconv(x).transpose(1, 2)).transpose(1, 2))

    def fixed(self) -> nn.Module:
        """The layer for export."""
        return nn.Sequential(self.gconv.fixed(self.bn), nn.ReLU())


class ResGraphConv(nn.Module):
    """Two graph convolutions and a way around them."""

    def __init__(self, channels: int, mask: Tensor) -> None:
        super().__init__()
        self.gconv1 = GraphConv(channels, channels, mask)
        self.gconv2 = GraphConv(channels, channels, mask)

    def forward(self, x: Tensor) -> Tensor:
        """(N, J, C) → the same shape."""
        changed: Tensor = self.gconv2(self.gconv1(x))
        return x + changed


class GraphNonLocal(nn.Module):
    """Every joint looks at every group of joints (Wang et al. 2018, concatenation form). groups: all of one size."""

    def __init__(self, channels: int, groups: Groups) -> None:
        super().__init__()
        # The authors' name for it is a keyword of Python 3.
        self.add_module("nonlocal", _NonLocal(channels, len(groups), len(groups[0])))
        self.grouped = [joint for group in groups for joint in group]
        self.restored = [self.grouped.index(joint) for joint in range(len(self.grouped))]

    def forward(self, x: Tensor) -> Tensor:
        """(N, J, C) → the same shape."""
        y: Tensor = self.get_submodule("nonlocal")(x[:, self.grouped].transpose(1, 2))
        return y.transpose(1, 2)[:, self.restored]


class _NonLocal(nn.Module):
    def __init__(self, channels: int, groups: int, group_size: int) -> None:
        super().__init__()
        inner = channels // 2
        self.grouped = inner, groups, group_size
        self.g = nn.Sequential(nn.Conv1d(channels, inner, 1))
        self.theta = nn.Conv1d(channels, inner, 1)
        self.phi = nn.Sequential(nn.Conv1d(channels, inner, 1))
        self.concat_project = nn.Sequential(nn.Conv2d(2 * inner, 1, 1, bias=False))
        self.W = nn.Sequential(nn.Conv1d(inner, channels, 1), nn.BatchNorm1d(channels))
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(self.W[1].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, J) → the same shape, joints in the order of the groups."""
        inner, groups, _ = self.grouped
        # A 1 x 1 convolution of the pairs (θ_i, φ_j) is the sum of a product with each.
        weight = self.concat_project.get_parameter("0.weight")[:, :, 0, 0]
        theta, phi = weight[:, :inner] @ self.theta(x), weight[:, inner:] @ self._pooled(self.phi(x))
        y = torch.relu(theta.transpose(1, 2) + phi) / groups @ self._pooled(self.g(x)).transpose(1, 2)
        seen: Tensor = self.W(y.transpose(1, 2))
        return x + seen

    def _pooled(self, x: Tensor) -> Tensor:
        """Maximum over each group, (N, C', J) → (N, C', groups). TensorRT's pooling needs two dimensions at least."""
        return x.reshape(-1, *self.grouped).amax(dim=3)


def fix_graph(module: nn.Module) -> nn.Module:
    """Put the form for export in place of every graph convolution in `module`, in place."""
    for name, child in list(module.named_children()):
        if isinstance(child, SemGraphConv | GraphConv):
            setattr(module, name, child.fixed())
        else:
            fix_graph(child)
    return module


def _affine(norm: nn.BatchNorm1d | None, channels: int) -> tuple[Tensor, Tensor]:
    """Scale and shift of a normalization in eval mode."""
    if norm is None or norm.running_var is None or norm.running_mean is None:
        return torch.ones(channels), torch.zeros(channels)
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


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

    selection: Tensor

    def __init__(
        self, seen: Skeleton, skeleton: Skeleton, in_features: int, *, channels: int = 128, layers: int = 4
    ) -> None:
        super().__init__()
        names = [*skeleton.joints, *(name for name in seen.joints if name not in skeleton.index_of)]
        bones = [(names.index(s.joints[a]), names.index(s.joints[b])) for s in (seen, skeleton) for a, b in s.edges]
        self.num_joints_in, self.in_features, self.num_joints_out = len(seen), in_features, len(skeleton)
        self.net = SemGCN(neighbors(len(names), bones), in_features, channels=channels, layers=layers)
        selection = [[float(name == joint) for joint in seen.joints] for name in names]
        self.register_buffer("selection", torch.tensor(selection), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Lift joints (N, J_in, F) → (N, J_out, 3)."""
        y: Tensor = self.net(self.selection @ x)
        return y[:, : self.num_joints_out]

    def frozen(self) -> nn.Module:
        """See `FrameLifter`."""
        return fix_graph(copy.deepcopy(self).eval())
