"""Depthpose's lifter: its keys, where its root is, and its form for export."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pose3d_training.nets.depthpose_net import DepthposeNet, Statistics


def net(values_in: int = 42, *, absolute: bool = True) -> DepthposeNet:
    torch.manual_seed(0)
    values_out = 51 if absolute else 48
    mean3d = torch.zeros(values_out)
    if absolute:
        mean3d[-1] = float(np.log(4000))
    given = Statistics(torch.rand(values_in), 0.5 + torch.rand(values_in), mean3d, torch.full((values_out,), 0.1))
    return DepthposeNet(values_in, given, absolute=absolute, channels=8).eval()


def test_keys_are_the_authors() -> None:
    state = net().net.state_dict()
    assert {
        "0.weight",
        "1.residual.0.weight",
        "1.residual.5.running_var",
        "2.residual.4.bias",
        "3.bias",
    } <= state.keys()
    assert len([key for key in state if key.endswith("weight")]) == 10


def test_root_is_joint_14_at_the_depth_whose_logarithm_is_the_last_value() -> None:
    with torch.no_grad():
        joints = net()(torch.rand(2, 14, 3))
    assert joints.shape == (2, 17, 3)
    np.testing.assert_allclose(joints[:, 14, 2], 4.0, rtol=0.2)
    np.testing.assert_allclose(joints - joints[:, 14:15], 0.0, atol=1e-3)  # millimetres


def test_relative_joints_have_the_root_at_zero() -> None:
    with torch.no_grad():
        joints = net(absolute=False)(torch.rand(2, 14, 3))
    assert joints.shape == (2, 17, 3)
    assert (joints[:, 14] == 0).all()


@pytest.mark.parametrize("values_in", [42, 56])
def test_frozen_gives_the_same(values_in: int) -> None:
    made, x = net(values_in), torch.rand(3, 14, 3)
    frozen = made.frozen()
    assert not any(isinstance(module, torch.nn.BatchNorm1d) for module in frozen.modules())
    with torch.no_grad():
        np.testing.assert_allclose(frozen(x), made(x), atol=1e-5)
