"""ResNet feature extractors by name, from tiny to ResNet-152 (He et al. 2015, table 1)."""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from pose3d_ros.errors import EngineError

Features = tuple[Tensor, Tensor, Tensor, Tensor]
"""Feature maps at strides 4, 8, 16 and 32."""

STRIDES = (4, 8, 16, 32)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut; module names are torchvision's."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(in_channels, width * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) → (N, width · expansion, H / stride, W / stride)."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride, as torchvision has it) and 1x1 convolutions with a shortcut."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.downsample = _shortcut(in_channels, width * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) → (N, width · expansion, H / stride, W / stride)."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


Block = type[BasicBlock] | type[Bottleneck]

RESNETS: dict[str, tuple[Block, tuple[int, int, int, int]]] = {
    "resnet10": (BasicBlock, (1, 1, 1, 1)),
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
    "resnet101": (Bottleneck, (3, 4, 23, 3)),
    "resnet152": (Bottleneck, (3, 8, 36, 3)),
}
"""Name → its block, and how many of them each stage has."""
_NAME = re.compile(r"(resnet\d+)(?:w([1-9]\d{0,3}))?(?:x([1-9]\d{0,3}))?")


class Backbone(nn.Module):
    """A ResNet without its classifier.

    channels: of the feature maps at strides 4, 8, 16 and 32. State-dict keys and shapes are torchvision's, less `fc`.
    max_width: no stage is wider; the last one holds most of a ResNet's weights and little of its arithmetic.
    """

    def __init__(
        self, block: Block, depths: tuple[int, int, int, int], base_width: int = 64, max_width: int | None = None
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, base_width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(base_width)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        widths = [min(base_width * 2**i, max_width or base_width * 8) for i in range(4)]
        out = [w * block.expansion for w in widths]
        self.channels: tuple[int, int, int, int] = (out[0], out[1], out[2], out[3])
        self.layer1 = _stage(block, base_width, widths[0], depths[0], 1)
        self.layer2 = _stage(block, out[0], widths[1], depths[1], 2)
        self.layer3 = _stage(block, out[1], widths[2], depths[2], 2)
        self.layer4 = _stage(block, out[2], widths[3], depths[3], 2)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> Features:
        """Map an image (N, 3, H, W) float32, H and W multiples of 32, to features of `channels`."""
        x = self.maxpool(torch.relu(self.bn1(self.conv1(image))))
        c2: Tensor = self.layer1(x)
        c3: Tensor = self.layer2(c2)
        c4: Tensor = self.layer3(c3)
        c5: Tensor = self.layer4(c4)
        return c2, c3, c4, c5


def build_backbone(name: str) -> Backbone:
    """The backbone of that name, freshly initialized.

    `resnet18`, `resnet34`, `resnet50`, `resnet101`, `resnet152` are the published ones; `resnet10` has one block a
    stage; a suffix `wN` gives the stem N channels instead of 64 and scales every stage with it: `resnet18w32`; `xM`
    behind it stops that growth at M: `resnet18w48x256` has 48, 96, 192 and 256.
    Raises EngineError for any other name.
    """
    match = _NAME.fullmatch(name)
    if match is None or match[1] not in RESNETS:
        raise EngineError(
            "backbone",
            expected=f"one of {', '.join(RESNETS)}, with an optional width and cap: resnet18w32, resnet18w48x256",
            got=repr(name),
            fix="Choose a backbone from that list.",
        )
    block, depths = RESNETS[match[1]]
    return Backbone(block, depths, int(match[2] or 64), int(match[3]) if match[3] else None)


def check_input_size(net: str, input_size_px: int) -> None:
    """Raise EngineError unless a square crop of that side has whole cells at the backbone's last stride."""
    if input_size_px < STRIDES[-1] or input_size_px % STRIDES[-1]:
        raise EngineError(
            f"{net} input_size_px",
            expected=f"a positive multiple of {STRIDES[-1]}",
            got=str(input_size_px),
            fix="Choose for instance 192 or 256.",
        )


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))


def _stage(block: Block, in_channels: int, width: int, depth: int, stride: int) -> nn.Sequential:
    first = block(in_channels, width, stride)
    rest = [block(width * block.expansion, width, 1) for _ in range(depth - 1)]
    return nn.Sequential(first, *rest)
