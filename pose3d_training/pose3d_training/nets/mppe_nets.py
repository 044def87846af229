"""RootNet and PoseNet (Moon et al. 2019, sections 5 and 6), for 3DMPPE's checkpoints."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pose3d_training.nets.backbone import build_backbone, check_input_size
from pose3d_training.nets.soft_argmax import SoftArgmax2d, SoftArgmax3d

DEPTH_BINS = 64
_HEAD_CHANNELS = 256
_HEAD_STRIDE_PX = 4
"""Three doublings from the backbone's stride of 32."""

_INITIAL_STD = 0.001


class RootHead(nn.Module):
    """Deconvolutions and a 2D soft-argmax for x and y; a 1x1 convolution of the pooled features for γ."""

    def __init__(self, in_channels: int, side: int) -> None:
        super().__init__()
        self.deconv_layers = _deconv_layers(in_channels)
        self.xy_layer = _pointwise(_HEAD_CHANNELS, 1)
        self.depth_layer = _pointwise(in_channels, 1)
        self.soft_argmax = SoftArgmax2d(side, side)

    def forward(self, features: Tensor, k: Tensor) -> Tensor:
        """Map features (N, C, h, w) and k (N,) to (N, 3): x and y in heatmap bins, depth γ·k in k's unit."""
        xy = self.soft_argmax(self.xy_layer(self.deconv_layers(features)))[:, 0]
        with torch.autocast(features.device.type, enabled=False):
            pooled = features.float().mean(dim=(2, 3), keepdim=True)
            gamma = self.depth_layer(pooled).flatten(1)
        return torch.cat((xy, gamma * k.float().reshape(-1, 1)), dim=1)


class RootNet(nn.Module):
    """State-dict keys `backbone.*`, `root.deconv_layers.*`, `root.xy_layer.*`, `root.depth_layer.*`, as published.

    backbone: a name for `build_backbone`; the published checkpoints are `resnet50`. input_size_px: side of the crop.
    """

    def __init__(self, backbone: str = "resnet50", input_size_px: int = 256) -> None:
        super().__init__()
        check_input_size("RootNet", input_size_px)
        self.input_size_px = input_size_px
        self.backbone = build_backbone(backbone)
        self.root = RootHead(self.backbone.channels[3], input_size_px // _HEAD_STRIDE_PX)

    def forward(self, image: Tensor, k: Tensor) -> Tensor:
        """Map images (N, 3, S, S) and k (N,) = sqrt(fx·fy·A_real / A_box) (eq. 3) to (N, 3), all float32.

        The result is x and y in bins (crop x = bin · 4, by the authors' convention) and the depth in k's unit, which
        is mm in the published checkpoints. They expect RGB in 0–255, not 0–1, less (.485, .456, .406), over
        (.229, .224, .225).
        """
        root: Tensor = self.root(self.backbone(image)[3], k)
        return root


class PoseHead(nn.Module):
    """Deconvolutions and a 1x1 convolution to num_joints·64 channels: one volume a joint."""

    def __init__(self, in_channels: int, num_joints: int) -> None:
        super().__init__()
        self.deconv_layers = _deconv_layers(in_channels)
        self.final_layer = _pointwise(_HEAD_CHANNELS, num_joints * DEPTH_BINS)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (N, C, h, w) to (N, J·64, 8h, 8w); channel j·64 + d is depth slice d of joint j."""
        volume: Tensor = self.final_layer(self.deconv_layers(features))
        return volume


class PoseNet(nn.Module):
    """State-dict keys `backbone.*`, `head.deconv_layers.*`, `head.final_layer.*`, as published.

    num_joints: 18 for the published Human3.6M checkpoint (h36m18), 21 for MuCo (muco21). backbone: a name for
    `build_backbone`; the published checkpoints are `resnet50`. input_size_px: side of the crop.
    """

    def __init__(self, num_joints: int, backbone: str = "resnet50", input_size_px: int = 256) -> None:
        super().__init__()
        check_input_size("PoseNet", input_size_px)
        side = input_size_px // _HEAD_STRIDE_PX
        self.input_size_px = input_size_px
        self.num_joints = num_joints
        self.backbone = build_backbone(backbone)
        self.head = PoseHead(self.backbone.channels[3], num_joints)
        self.soft_argmax = SoftArgmax3d(num_joints, DEPTH_BINS, side, side)

    def forward(self, image: Tensor) -> Tensor:
        """Map images (N, 3, S, S) float32, normalized as for RootNet, to (N, J, 3) float32 bins.

        By the authors' convention crop x = bin · 4, and the depth to the root is (bin / 64 · 2 − 1) · 1000 mm.
        """
        coords: Tensor = self.soft_argmax(self.head(self.backbone(image)[3]))
        return coords


def _deconv_layers(in_channels: int) -> nn.Sequential:
    """Three 4x4 transposed convolutions of stride 2, each normalized and rectified; (N, C, h, w) → (N, 256, 8h, 8w)."""
    layers: list[nn.Module] = []
    for channels in (in_channels, _HEAD_CHANNELS, _HEAD_CHANNELS):
        deconv = nn.ConvTranspose2d(channels, _HEAD_CHANNELS, 4, 2, 1, bias=False)
        nn.init.normal_(deconv.weight, std=_INITIAL_STD)
        layers += [deconv, nn.BatchNorm2d(_HEAD_CHANNELS), nn.ReLU()]
    return nn.Sequential(*layers)


def _pointwise(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A 1x1 convolution with 3DMPPE's initial values."""
    layer = nn.Conv2d(in_channels, out_channels, 1)
    nn.init.normal_(layer.weight, std=_INITIAL_STD)
    nn.init.zeros_(layer.get_parameter("bias"))
    return layer
