"""A small anchor-free person detector: a thin ResNet, a feature pyramid merged to stride 8, one heatmap and four edges.

Centers as peaks follow Zhou et al. 2019 ("Objects as Points"), edge distances Tian et al. 2019 (FCOS, eq. 1), the
pyramid Lin et al. 2017 (FPN).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pose3d_ros.errors import EngineError
from pose3d_training.nets.backbone import build_backbone

STRIDE_PX = 8
_PRIOR = 0.01
_MAX_LOG_CELLS = 6.0
_INITIAL_EXTENT_CELLS = 4.0


class DetectorOutput(NamedTuple):
    """Maps at stride 8, float32.

    heat_logits (N, 1, H/8, W/8). ltrb_px (N, 4, H/8, W/8): positive distances in input pixels from the cell's center,
    8·i + 3.5, to the box's left, top, right and bottom edges.
    """

    heat_logits: Tensor
    ltrb_px: Tensor


class PersonDetector(nn.Module):
    """Image → heatmap of people and their boxes.

    backbone: a name for `build_backbone`. channels: width of the pyramid and of the head.
    """

    def __init__(self, backbone: str = "resnet18w16", channels: int = 40) -> None:
        super().__init__()
        if channels < 1:
            raise EngineError(
                "PersonDetector channels", expected="a positive number", got=str(channels), fix="Choose 32 to 48."
            )
        self.backbone = build_backbone(backbone)
        self.laterals = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in self.backbone.channels[1:])
        self.merge = _conv_bn_relu(channels, channels)
        self.head = _conv_bn_relu(channels, channels)
        self.heat_layer = nn.Conv2d(channels, 1, 1)
        self.ltrb_layer = nn.Conv2d(channels, 4, 1)
        self._init_heads()

    def forward(self, image: Tensor) -> DetectorOutput:
        """Detect people in images (N, 3, H, W) float32, normalized, H and W multiples of 32."""
        _, c3, c4, c5 = self.backbone(image)
        x = self.laterals[2](c5)
        x = F.interpolate(x, scale_factor=2.0, mode="nearest") + self.laterals[1](c4)
        x = F.interpolate(x, scale_factor=2.0, mode="nearest") + self.laterals[0](c3)
        x = self.head(self.merge(x))
        log_cells = self.ltrb_layer(x).float().clamp(max=_MAX_LOG_CELLS)
        return DetectorOutput(self.heat_layer(x).float(), torch.exp(log_cells) * STRIDE_PX)

    def _init_heads(self) -> None:
        """Every cell starts as a person with probability 0.01 (Lin et al. 2017, focal loss, section 4.1)."""
        prior_logit, extent = math.log(_PRIOR / (1 - _PRIOR)), math.log(_INITIAL_EXTENT_CELLS)
        for layer, bias in ((self.heat_layer, prior_logit), (self.ltrb_layer, extent)):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.constant_(layer.get_parameter("bias"), bias)


def _conv_bn_relu(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU()
    )
