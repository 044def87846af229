"""The lifter that imagines a second view: by hand, and what reaches which subnetwork."""

from __future__ import annotations

import torch
from torch import nn

from pose3d_training.nets.stereo_lifter import StereoLifter


def test_both_subnetworks_by_hand() -> None:
    net = StereoLifter(1, 2, 1, channels=1, blocks=0, dropout=0.0).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.eps = 0.0
    for key, values in {
        "synthesis.w1.weight": (2, 1),
        "synthesis.w1.bias": (1,),  # 2·3 + 1·(-4) + 1 = 3
        "synthesis.w2.weight": (2, -1),
        "synthesis.w2.bias": (0, 1),  # right view (6, -2)
        "reconstruction.w1.weight": (1, 0, 1, -1),
        "reconstruction.w1.bias": (0,),  # 3 + 6 + 2 = 11
        "reconstruction.w2.weight": (1, 0, -1),
        "reconstruction.w2.bias": (0, 5, 0),
    }.items():
        parameter = net.get_parameter(key)
        with torch.no_grad():
            parameter.copy_(torch.tensor(values).reshape(parameter.shape))
    right, joints = net.views(torch.tensor([[[3.0, -4.0]]]))
    assert right.tolist() == [[[6, -2]]]
    assert joints.tolist() == net(torch.tensor([[[3.0, -4.0]]])).tolist() == [[[11, 5, -11]]]


def test_joints_train_the_synthesis_as_well() -> None:
    torch.manual_seed(0)
    net = StereoLifter(4, 3, 5, channels=8, blocks=1, dropout=0.0)
    right, joints = net.views(torch.randn(6, 4, 3))
    assert right.shape == (6, 5, 2)
    joints.square().sum().backward()  # type: ignore[no-untyped-call]
    gradient = net.get_parameter("synthesis.w1.weight").grad
    assert gradient is not None
    assert float(gradient.abs().max()) > 0
