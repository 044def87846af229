"""RootNet and PoseNet: published state dicts and units of the outputs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pose3d_ros.errors import EngineError
from pose3d_training.nets.mppe_nets import PoseNet, RootNet


def _head_shapes(in_channels: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for i, channels in ((0, in_channels), (3, 256), (6, 256)):
        shapes[f"deconv_layers.{i}.weight"] = (channels, 256, 4, 4)
        for name in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"deconv_layers.{i + 1}.{name}"] = (256,)
        shapes[f"deconv_layers.{i + 1}.num_batches_tracked"] = ()
    return shapes


def _shapes(module: nn.Module, prefix: str) -> dict[str, tuple[int, ...]]:
    state = module.state_dict()
    return {k.removeprefix(prefix): tuple(v.shape) for k, v in state.items() if k.startswith(prefix)}


def test_rootnet_state_dict_is_the_published_one() -> None:
    net = RootNet()
    expected = _head_shapes(2048)
    expected |= {"xy_layer.weight": (1, 256, 1, 1), "xy_layer.bias": (1,)}
    expected |= {"depth_layer.weight": (1, 2048, 1, 1), "depth_layer.bias": (1,)}
    assert _shapes(net, "root.") == expected
    assert {k.split(".")[0] for k in net.state_dict()} == {"backbone", "root"}
    assert len(net.state_dict()) == 340


def test_posenet_state_dict_is_the_published_one() -> None:
    net = PoseNet(21)
    expected = _head_shapes(2048)
    expected |= {"final_layer.weight": (21 * 64, 256, 1, 1), "final_layer.bias": (21 * 64,)}
    assert _shapes(net, "head.") == expected
    assert {k.split(".")[0] for k in net.state_dict()} == {"backbone", "head"}
    assert len(net.state_dict()) == 338


def _set(layer: nn.Conv2d, weight: float, bias: Tensor) -> None:
    with torch.no_grad():
        layer.weight.fill_(weight)
        assert layer.bias is not None
        layer.bias.copy_(bias)


def test_root_depth_is_gamma_times_k_and_a_flat_map_gives_the_center_bin() -> None:
    net = RootNet("resnet10w8", 64).eval()
    _set(net.root.xy_layer, 0.0, torch.zeros(1))
    _set(net.root.depth_layer, 0.0, torch.tensor([1.25]))
    with torch.no_grad():
        root = net(torch.randn(2, 3, 64, 64) * 100, torch.tensor([4000.0, 800.0]))
    # 64 px give a map of 16 bins, 0 … 15, whose mean is 7.5.
    torch.testing.assert_close(root, torch.tensor([[7.5, 7.5, 5000.0], [7.5, 7.5, 1000.0]]))


def test_k_as_a_column_like_the_published_code() -> None:
    net = RootNet("resnet10w8", 64).eval()
    image, k = torch.randn(3, 3, 64, 64), torch.tensor([1.0, 2.0, 3.0])
    with torch.no_grad():
        assert torch.equal(net(image, k), net(image, k[:, None]))


def test_depth_bins_are_ordered_by_joint() -> None:
    net = PoseNet(3, "resnet10w8", 64).eval()
    bias = torch.zeros(3, 64)
    for joint, depth_bin in enumerate((0, 17, 63)):
        bias[joint, depth_bin] = 60.0
    _set(net.head.final_layer, 0.0, bias.flatten())
    with torch.no_grad():
        coords = net(torch.randn(2, 3, 64, 64))
    expected = torch.tensor([[7.5, 7.5, 0.0], [7.5, 7.5, 17.0], [7.5, 7.5, 63.0]])
    torch.testing.assert_close(coords, expected.expand(2, 3, 3))


def test_outputs_are_float32_under_autocast() -> None:
    image = torch.randn(1, 3, 64, 64)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert RootNet("resnet10w8", 64).eval()(image, torch.ones(1)).dtype == torch.float32
        assert PoseNet(2, "resnet10w8", 64).eval()(image).dtype == torch.float32


def test_input_size_that_is_no_multiple_of_32_is_an_error() -> None:
    with pytest.raises(EngineError, match="RootNet input_size_px"):
        RootNet("resnet10w8", 100)
    with pytest.raises(EngineError, match="PoseNet input_size_px"):
        PoseNet(17, "resnet10w8", 16)
