"""A wider net with the outputs of the narrower one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from pose3d_ros.skeletons import get_skeleton
from pose3d_training.loop.run_checkpoints import can_widen, widened
from pose3d_training.nets.detector_net import PersonDetector
from pose3d_training.nets.root_pose_net import RootPoseNet

RootPose = Callable[..., RootPoseNet]


@pytest.fixture
def root_pose(randomized: Callable[[RootPoseNet], RootPoseNet]) -> RootPose:
    """Make a net of a backbone."""

    def make(backbone: str, skeleton: str = "muco21") -> RootPoseNet:
        options = {"num_deconv": 3, "deconv_channels": 16, "depth_bins": 0, "refine_channels": 16}
        net = RootPoseNet(backbone, get_skeleton(skeleton), 64, **options)
        nn.init.normal_(net.root_layer.weight)
        return randomized(net)

    return make


@pytest.mark.parametrize(("narrow", "wide"), [("resnet18w8x64", "resnet18w12x64"), ("resnet50w4x16", "resnet50w6x16")])
def test_widened_net_gives_the_outputs_of_the_narrow_net(root_pose: RootPose, narrow: str, wide: str) -> None:
    torch.manual_seed(3)
    small, large = root_pose(narrow), root_pose(wide)
    assert can_widen(large, small.state_dict())
    image, k_m = torch.randn(2, 3, 64, 64), torch.tensor([3.0, 5.0])
    with torch.no_grad():
        wanted = small(image, k_m)
        assert not torch.allclose(large(image, k_m).root_depth_m, wanted.root_depth_m, rtol=1e-3)
        large.load_state_dict(widened(large, small.state_dict()))
        got = large(image, k_m)
    for a, b in zip(got._replace(features=()), wanted._replace(features=()), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_copied_channels_differ_after_training(root_pose: RootPose) -> None:
    torch.manual_seed(3)
    small, large = root_pose("resnet18w8x64"), root_pose("resnet18w12x64").train()
    large.load_state_dict(widened(large, small.state_dict()))
    first = large.backbone.layer1.get_submodule("0.conv1").get_parameter("weight")
    assert torch.equal(first[0, 1:7], first[8, 1:7])
    large(torch.randn(4, 3, 64, 64), torch.ones(4)).joints_crop_px.square().mean().backward()
    gradient = first.grad
    assert gradient is not None
    assert not torch.allclose(gradient[0], gradient[8], rtol=0.05)


def test_detector_backbone_is_widened() -> None:
    torch.manual_seed(3)
    small, large = PersonDetector("resnet18w8x64", 8).eval(), PersonDetector("resnet18w12x64", 8).eval()
    large.load_state_dict(widened(large, small.state_dict()))
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(large(image).ltrb_px, small(image).ltrb_px, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("mine", "theirs", "skeleton"),
    [
        ("resnet18w12x64", "resnet18w16x64", "muco21"),  # narrower
        ("resnet18w16", "resnet18w8", "muco21"),  # the last stage, which fully connected layers read
        ("resnet18w8", "resnet18w8", "h36m17"),  # other joints
        ("resnet34w8", "resnet18w8", "muco21"),  # other layers
    ],
)
def test_checkpoint_of_another_net_is_not_widened(root_pose: RootPose, mine: str, theirs: str, skeleton: str) -> None:
    assert not can_widen(root_pose(mine), root_pose(theirs, skeleton).state_dict())
