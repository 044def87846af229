"""Backbones: names, published parameter counts, torchvision's keys, strides."""

from __future__ import annotations

import pytest
import torch

from pose3d_ros.errors import EngineError
from pose3d_training.nets.backbone import build_backbone, check_input_size

# torchvision's published counts less those of its 1000-class `fc` layer.
PUBLISHED_PARAMETERS = {
    "resnet18": 11_689_512 - 513_000,
    "resnet34": 21_797_672 - 513_000,
    "resnet50": 25_557_032 - 2_049_000,
    "resnet101": 44_549_160 - 2_049_000,
    "resnet152": 60_192_808 - 2_049_000,
}


@pytest.mark.parametrize(("name", "count"), PUBLISHED_PARAMETERS.items())
def test_number_of_parameters_of_published_backbones(name: str, count: int) -> None:
    assert sum(p.numel() for p in build_backbone(name).parameters()) == count


def test_basic_block_has_torchvision_keys() -> None:
    shapes = {k: tuple(v.shape) for k, v in build_backbone("resnet18").state_dict().items()}
    assert shapes["conv1.weight"] == (64, 3, 7, 7)
    assert shapes["bn1.running_var"] == (64,)
    assert shapes["layer1.0.conv1.weight"] == (64, 64, 3, 3)
    assert shapes["layer2.0.downsample.0.weight"] == (128, 64, 1, 1)
    assert shapes["layer2.0.downsample.1.weight"] == (128,)
    assert shapes["layer4.1.bn2.bias"] == (512,)
    assert not any(k.startswith(("fc", "layer1.0.downsample")) for k in shapes)
    assert len(shapes) == 120


def test_bottleneck_has_torchvision_keys() -> None:
    shapes = {k: tuple(v.shape) for k, v in build_backbone("resnet50").state_dict().items()}
    assert shapes["layer1.0.downsample.0.weight"] == (256, 64, 1, 1)
    assert shapes["layer3.5.conv2.weight"] == (256, 256, 3, 3)
    assert shapes["layer4.2.conv3.weight"] == (2048, 512, 1, 1)
    assert len(shapes) == 318


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("resnet10w8", (8, 16, 32, 64)),
        ("resnet18w24", (24, 48, 96, 192)),
        ("resnet50w8", (32, 64, 128, 256)),
        ("resnet18w24x100", (24, 48, 96, 100)),
        ("resnet50w8x16", (32, 64, 64, 64)),
    ],
)
def test_width_suffix_scales_every_stage(name: str, channels: tuple[int, ...]) -> None:
    backbone = build_backbone(name).eval()
    assert backbone.channels == channels
    with torch.no_grad():
        features = backbone(torch.randn(2, 3, 64, 96))
    assert [tuple(f.shape) for f in features] == [
        (2, c, 64 // s, 96 // s) for c, s in zip(channels, (4, 8, 16, 32), strict=True)
    ]


def test_bottleneck_stride_is_in_its_3x3_convolution() -> None:
    strides = {n: m.stride for n, m in build_backbone("resnet50w8").named_modules() if isinstance(m, torch.nn.Conv2d)}
    assert strides["layer2.0.conv1"] == (1, 1)
    assert strides["layer2.0.conv2"] == (2, 2)


@pytest.mark.parametrize("name", ["resnet", "resnet20", "resnet18w0", "resnet18w", "resnet18w32x", "vgg16", ""])
def test_unknown_backbone_is_an_error(name: str) -> None:
    with pytest.raises(EngineError, match="resnet18w32"):
        build_backbone(name)


@pytest.mark.parametrize("size", [0, -32, 100, 31])
def test_input_size_that_is_no_multiple_of_the_stride_is_an_error(size: int) -> None:
    with pytest.raises(EngineError, match="multiple of 32"):
        check_input_size("Net", size)
