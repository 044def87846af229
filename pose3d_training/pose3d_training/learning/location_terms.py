"""VNect's location maps, and heads of earlier stages, as what is trained with root_pose and not delivered."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pose3d_training.learning.image_terms import ImageTerm, PoseSeen
from pose3d_training.nets.backbone import STRIDES
from pose3d_training.nets.root_pose_net import RootPoseNet
from pose3d_training.tasks.losses import gaussian_maps, heat_map_loss

_LEAST_SQUARE_M2 = 1e-8


class LocationMapTerm(ImageTerm):
    """Maps of each joint's place relative to the root and to its parent, read at the joint (Mehta 2017, section 4.1).

    From the net's last features: maps Δ of the place relative to the kinematic parent, lengths of bones as their norms,
    and from these and the features maps of the place relative to the root. Each map's loss is that of the Hadamard
    product with the true heat map, |H ⊙ (X − X_true)|², summed over the cells, in square metres; joints count that are
    inside and have a depth.
    """

    def __init__(self, net: RootPoseNet) -> None:
        super().__init__()
        joints, channels = len(net.skeleton), net.volume_layer.in_channels
        self.parents = [i if parent < 0 else parent for i, parent in enumerate(net.skeleton.parents)]
        self.stride_px = net.stride_px
        self.to_parent = nn.Conv2d(channels, 3 * joints, 1)
        self.to_root = nn.Conv2d(channels + 4 * joints, 3 * joints, 1)

    def forward(self, seen: PoseSeen) -> Tensor:
        """See `ImageTerm`."""
        features, true = seen.out.features[-1].float(), seen.true_m().float()
        to_parent = self.to_parent(features)
        delta = to_parent.unflatten(1, (-1, 3))
        length = (delta.square().sum(dim=2, keepdim=True) + _LEAST_SQUARE_M2).sqrt()
        place = self.to_root(torch.cat([features, to_parent, length.flatten(1, 2)], dim=1)).unflatten(1, (-1, 3))
        true_delta = true - true[:, self.parents]
        true_maps = torch.cat([true, true_delta, true_delta.norm(dim=-1, keepdim=True)], dim=-1)
        off = torch.cat([place, delta, length], dim=2).flatten(3) - true_maps[..., None]
        cells = (seen.batch["joints_crop_px"].float() + 0.5) / self.stride_px - 0.5
        heat = gaussian_maps(cells, features.shape[-1])
        heat = heat / heat.amax(dim=-1, keepdim=True)
        counted = seen.batch["inside"] * seen.has_depth[:, None]
        each = (heat[:, :, None] * off).square().sum(dim=(2, 3))
        loss: Tensor = (each * counted).sum() / counted.sum().clamp(min=1)
        return loss


class IntermediateTerm(ImageTerm):
    """Heat maps from the backbone's stages at strides 16 and 32, as `losses.heat_map_loss` has them.

    Intermediate supervision (Mehta 2017, section 4.1): give its weight as points that fall to 0.
    """

    def __init__(self, net: RootPoseNet) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Conv2d(width, len(net.skeleton), 1) for width in net.backbone.channels[2:])

    def forward(self, seen: PoseSeen) -> Tensor:
        """See `ImageTerm`."""
        px, inside = seen.batch["joints_crop_px"], seen.batch["inside"]
        losses = []
        for head, stride, features in zip(self.heads, STRIDES[2:], seen.out.features[2:4], strict=True):
            planar = torch.softmax(head(features.float()).flatten(2), dim=-1)
            losses.append(heat_map_loss(planar, planar[..., :0], (px + 0.5) / stride - 0.5, px[..., 0], inside))
        return torch.stack(losses).mean()
