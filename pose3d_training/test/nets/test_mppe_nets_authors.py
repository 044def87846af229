"""EpipolarPose's ResNet and integral are PoseNet's layers and the decoder's, by the authors' code."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pose3d_ros.stages.pose.pose_decoding import PoseSettings
from pose3d_ros.stages.pose.third_party_decoders import THIRD_PARTY_DECODERS
from pose3d_training.nets.mppe_nets import PoseNet

CLONE = "POSE3D_EPIPOLARPOSE"
"""Environment variable: a clone of github.com/mkocabas/EpipolarPose."""


def authors(*parts: str) -> Any:
    """A file of theirs, run."""
    path = Path(os.environ.get(CLONE, ""), *parts)
    if not path.is_file():
        pytest.skip(f"{CLONE} names no clone of the authors' code")
    module = ModuleType(path.stem)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(module))
    return module


def published(layers: int, joints: int) -> SimpleNamespace:
    """Their settings, of experiments/h36m/valid.yaml but for the layers and joints."""
    extra = SimpleNamespace(
        NUM_LAYERS=layers,
        DECONV_WITH_BIAS=False,
        NUM_DECONV_LAYERS=3,
        NUM_DECONV_FILTERS=[256] * 3,
        NUM_DECONV_KERNELS=[4] * 3,
        FINAL_CONV_KERNEL=1,
    )
    return SimpleNamespace(MODEL=SimpleNamespace(EXTRA=extra, VOLUME=True, NUM_JOINTS=joints, DEPTH_RES=64))


def with_weights(ours: PoseNet, theirs: nn.Module) -> PoseNet:
    """Ours with theirs: the same names behind those of the two parts."""
    state = theirs.state_dict()
    head = ("deconv_layers", "final_layer")
    ours.load_state_dict(
        {("head." if name.startswith(head) else "backbone.") + name: value for name, value in state.items()}
    )
    return ours.eval()


@pytest.mark.parametrize("layers", [18, 50])
def test_volumes_are_those_of_the_authors_code(layers: int, randomized: Callable[[nn.Module], nn.Module]) -> None:
    torch.manual_seed(0)
    theirs = randomized(authors("lib", "models", "pose3d_resnet.py").get_pose_net(published(layers, 2), False))
    ours = with_weights(PoseNet(2, f"resnet{layers}", 64), theirs)
    image = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours.head(ours.backbone(image)[3]), theirs(image), rtol=1e-5, atol=1e-6)


def test_integrals_are_those_of_the_authors_code(monkeypatch: pytest.MonkeyPatch) -> None:
    on_cpu = SimpleNamespace(broadcast=lambda tensor, devices: [tensor])
    monkeypatch.setattr(torch.cuda, "comm", on_cpu, raising=False)
    integral = authors("lib", "core", "integral_loss.py")
    volume = 4 * torch.randn(2, 3 * 16, 16, 16, generator=torch.Generator().manual_seed(1))
    coords = PoseNet(3, "resnet10w8", 64).soft_argmax
    theirs = integral.softmax_integral_tensor(volume, 3, True, 16, 16, 16).reshape(2, 3, 3)
    bins = type(coords)(3, 16, 16, 16)(volume)
    torch.testing.assert_close(bins / 16 - 0.5, theirs, rtol=0, atol=1e-5)
    # A crop of 64 px, of which a side is as long as 2 m of depth.
    decoded = THIRD_PARTY_DECODERS["integral_volume"].decode({"volume": volume.numpy()}, PoseSettings(64, 64))
    wanted = integral.get_joint_location_result(64, 64, volume)
    np.testing.assert_allclose(decoded.joints_crop_px, wanted[..., :2], atol=1e-3)
    np.testing.assert_allclose(decoded.relative_depth_m, wanted[..., 2] * 2 / 64, atol=1e-5)
