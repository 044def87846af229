"""RootPoseNet: conventions of the outputs by hand, sizes and gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.nets.root_pose_net import RootPoseNet, RootPoseOutput

MUCO = get_skeleton("muco21")


def _net(num_deconv: int = 1, depth_bins: int = 4, depth_range_m: float = 2.4) -> RootPoseNet:
    torch.manual_seed(0)
    return RootPoseNet(
        "resnet10w8",
        MUCO,
        64,
        num_deconv=num_deconv,
        deconv_channels=16,
        depth_bins=depth_bins,
        depth_range_m=depth_range_m,
    ).eval()


def _forward(net: RootPoseNet, batch: int = 2) -> RootPoseOutput:
    torch.manual_seed(1)
    with torch.no_grad():
        out: RootPoseOutput = net(torch.randn(batch, 3, 64, 64), torch.full((batch,), 5.0))
    return out


class _Constant(nn.Module):
    def __init__(self, volume: Tensor) -> None:
        super().__init__()
        self.volume = volume

    def forward(self, x: Tensor) -> Tensor:
        return self.volume.expand(x.shape[0], -1, -1, -1)


@pytest.mark.parametrize("num_deconv", [0, 1, 2, 3])
@pytest.mark.parametrize("batch", [0, 1, 3])
def test_shapes_for_every_resolution_and_batch(num_deconv: int, batch: int) -> None:
    net = _net(num_deconv)
    out = _forward(net, batch)
    joints = len(MUCO)
    shapes = [(batch, joints, 2), (batch, joints), (batch, joints), (batch,), (batch,), (batch, joints)]
    cells = (net.input_size_px // net.stride_px) ** 2
    shapes += [(batch, joints, cells), (batch, joints, net.depth_bins)]
    assert [tuple(o.shape) for o in out[:-1]] == shapes
    for marginal in (out.planar, out.depth):
        torch.testing.assert_close(marginal.sum(dim=-1), torch.ones(batch, joints))
    assert all(o.dtype == torch.float32 for o in out[:-1])


def test_untrained_net_has_gamma_one_and_the_initial_sigma() -> None:
    out = _forward(_net())
    torch.testing.assert_close(out.root_depth_m, torch.full((2,), 5.0))
    torch.testing.assert_close(out.root_log_sigma, torch.full((2,), math.log(0.2)))


def test_root_depth_scales_with_k() -> None:
    net = _net()
    nn.init.normal_(net.root_layer.weight)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        near, far = net(image, torch.tensor([2.0])), net(image, torch.tensor([6.0]))
    assert float(near.root_depth_m) > 0
    torch.testing.assert_close(far.root_depth_m, 3 * near.root_depth_m)


@pytest.mark.parametrize(("num_deconv", "stride"), [(0, 32), (1, 16), (2, 8)])
def test_peak_in_a_cell_is_its_center_in_pixels(num_deconv: int, stride: int) -> None:
    net = _net(num_deconv)
    side = 64 // stride
    volume = torch.zeros(len(MUCO), 4, side, side)
    volume[:, 2, 1, 0] = 60.0
    net.volume_layer = _Constant(volume.flatten(0, 1))  # type: ignore[assignment]
    out = _forward(net)
    # Cell 0 spans pixels 0 … stride − 1, so its center is (stride − 1) / 2; cell 1's is one stride on.
    expected = torch.tensor([(stride - 1) / 2, stride + (stride - 1) / 2])
    torch.testing.assert_close(out.joints_crop_px, expected.expand(2, len(MUCO), 2))


def test_relative_depth_counts_bins_from_the_roots() -> None:
    net = _net(depth_bins=4, depth_range_m=2.0)
    volume = torch.zeros(len(MUCO), 4, 4, 4)
    volume[:, 3] = 60.0
    volume[MUCO.root, 3] = 0.0
    volume[MUCO.root, 1] = 60.0
    net.volume_layer = _Constant(volume.flatten(0, 1))  # type: ignore[assignment]
    relative = _forward(net).relative_depth_m
    expected = torch.full((2, len(MUCO)), 1.0)  # two bins of 0.5 m
    expected[:, MUCO.root] = 0.0
    torch.testing.assert_close(relative, expected)


def test_location_maps_are_averaged_under_the_heat_map() -> None:
    net = _net(1, depth_bins=0)
    heat = torch.zeros(len(MUCO), 4, 4)
    heat[:, 1, 2], heat[:, 3, 2] = 60.0, 60.0  # half the mass each
    depth_m = torch.zeros(len(MUCO), 4, 4)
    depth_m[:, 1, 2], depth_m[:, 3, 2], depth_m[:, 0, 0] = 0.2, 0.6, 9.0
    depth_m[MUCO.root] = 0.1
    net.volume_layer = _Constant(torch.cat((heat, depth_m)))  # type: ignore[assignment]
    out = _forward(net)
    torch.testing.assert_close(out.joints_crop_px, torch.tensor([2.5, 2.5]).expand(2, len(MUCO), 2) * 16 - 0.5)
    expected = torch.full((2, len(MUCO)), 0.4 - 0.1)
    expected[:, MUCO.root] = 0.0
    torch.testing.assert_close(out.relative_depth_m, expected)
    assert out.depth.shape == (2, len(MUCO), 0)


def test_location_maps_get_gradients_through_heat_and_depth() -> None:
    net = _net(1, depth_bins=0)
    out = net(torch.randn(2, 3, 64, 64), torch.ones(2))
    (out.relative_depth_m - 1).square().sum().backward()
    gradient = net.volume_layer.weight.grad
    assert gradient is not None
    assert bool((gradient.flatten(1).abs().sum(dim=1) > 0).all())


def _refined() -> RootPoseNet:
    torch.manual_seed(0)
    return RootPoseNet("resnet10w8", MUCO, 64, num_deconv=1, deconv_channels=8, depth_bins=0, refine_channels=16).eval()


def test_untrained_refinement_is_zero() -> None:
    net = _refined()
    image = torch.randn(2, 3, 64, 64)
    refined = net(image, torch.ones(2))
    net.refiner = None
    plain = net(image, torch.ones(2))
    torch.testing.assert_close(refined.joints_crop_px, plain.joints_crop_px)
    torch.testing.assert_close(refined.relative_depth_m, plain.relative_depth_m)


def test_refinement_units_are_half_crops_and_metres() -> None:
    net = _refined()
    image = torch.randn(2, 3, 64, 64)
    before = net(image, torch.ones(2))
    assert net.refiner is not None
    change = torch.zeros(len(MUCO), 3)
    change[1], change[MUCO.root] = torch.tensor([0.25, -0.5, 0.3]), torch.tensor([0.0, 0.0, 0.1])
    with torch.no_grad():
        net.refiner[-1].get_parameter("bias").copy_(change.flatten())
    after = net(image, torch.ones(2))
    moved = (after.joints_crop_px - before.joints_crop_px)[:, 1]
    torch.testing.assert_close(moved, torch.tensor([8.0, -16.0]).expand(2, 2), atol=1e-4, rtol=1e-4)
    farther = after.relative_depth_m - before.relative_depth_m
    torch.testing.assert_close(farther[:, 1], torch.full((2,), 0.3 - 0.1))
    torch.testing.assert_close(after.relative_depth_m[:, MUCO.root], torch.zeros(2))


def test_scores_are_the_sigmoid_of_the_logits() -> None:
    out = _forward(_net())
    torch.testing.assert_close(out.joint_scores, torch.sigmoid(out.score_logits))


def test_depth_loss_has_no_gradient_in_the_joints() -> None:
    net = _net()
    nn.init.normal_(net.root_layer.weight)
    net(torch.randn(2, 3, 64, 64), torch.ones(2)).root_depth_m.sum().backward()
    assert net.volume_layer.weight.grad is None
    assert net.backbone.conv1.weight.grad is not None


def test_pose_loss_has_gradients_in_backbone_and_volume() -> None:
    net = _net(2)
    out = net(torch.randn(2, 3, 64, 64), torch.ones(2))
    (out.joints_crop_px.square().sum() + out.relative_depth_m.square().sum()).backward()
    trained = [p for n, p in net.named_parameters() if n.startswith(("backbone", "up_stages", "volume_layer"))]
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in trained)


def test_outputs_are_float32_under_autocast() -> None:
    net = _net()
    with torch.autocast("cpu", torch.bfloat16):
        out = _forward(net)
    assert all(o.dtype == torch.float32 for o in out[:-1])


@pytest.mark.parametrize("bad", [{"num_deconv": 4}, {"num_deconv": -1}, {"depth_bins": -1}, {"depth_range_m": 0.0}])
def test_invalid_volume_is_an_error(bad: dict[str, int]) -> None:
    with pytest.raises(EngineError, match="RootPoseNet volume"):
        RootPoseNet("resnet10w8", MUCO, 64, **bad)
    with pytest.raises(EngineError, match="multiple of 32"):
        RootPoseNet("resnet10w8", MUCO, 65)
