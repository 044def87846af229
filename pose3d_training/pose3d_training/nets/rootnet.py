"""RootNet: the absolute root of the person in a crop (Moon et al. 2019, section 5), for 3DMPPE's checkpoints."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pose3d_training.nets.backbone import build_backbone, check_input_size
from pose3d_training.nets.deconv import HEAD_CHANNELS, HEAD_STRIDE_PX, deconv_layers, pointwise
from pose3d_training.nets.soft_argmax import SoftArgmax2d


class RootHead(nn.Module):
    """Deconvolutions and a 2D soft-argmax for x and y; a 1x1 convolution of the pooled features for γ."""

    def __init__(self, in_channels: int, side: int) -> None:
        super().__init__()
        self.deconv_layers = deconv_layers(in_channels)
        self.xy_layer = pointwise(HEAD_CHANNELS, 1)
        self.depth_layer = pointwise(in_channels, 1)
        self.soft_argmax = SoftArgmax2d(side, side)

    def forward(self, features: Tensor, k: Tensor) -> Tensor:
        """features (N, C, h, w), k (N,) → (N, 3): x and y in heatmap bins, depth γ·k in k's unit."""
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
        self.root = RootHead(self.backbone.channels[3], input_size_px // HEAD_STRIDE_PX)

    def forward(self, image: Tensor, k: Tensor) -> Tensor:
        """image (N, 3, S, S) float32; k (N,) float32, sqrt(fx·fy·A_real / A_box) (eq. 3) → (N, 3) float32.

        The result is x and y in bins (crop x = bin · 4, by the authors' convention) and the depth in k's unit, which
        is mm in the published checkpoints. They expect RGB in 0–255, not 0–1, less (.485, .456, .406), over
        (.229, .224, .225).
        """
        root: Tensor = self.root(self.backbone(image)[3], k)
        return root
