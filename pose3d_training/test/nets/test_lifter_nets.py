"""Lifters of single frames: layers by hand, and outputs of frozen and exported nets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pose3d_ros.skeletons import get_skeleton
from pose3d_training.nets.exported_graphs import export_frame_lifter
from pose3d_training.nets.lifter_nets import FrameLifter, LeakyLifter, ResidualLifter
from pose3d_training.nets.sem_gcn import SemGCN, SemGraphConv, SkeletonLifter, neighbors
from pose3d_training.nets.stereo_lifter import StereoLifter

COCO, MUCO = get_skeleton("coco17"), get_skeleton("muco21")
PAIRS = ((0, 1), (2, 3), (4, 5))
TREE = neighbors(6, ((0, 1), (1, 2), (2, 3), (1, 4), (4, 5)))


def set_to(parameter: Tensor, *values: float) -> None:
    with torch.no_grad():
        parameter.copy_(torch.tensor(values).reshape(parameter.shape))


def lifters() -> dict[str, FrameLifter]:
    return {
        "residual": ResidualLifter(17, 3, 21, channels=16),
        "stereo": StereoLifter(17, 3, 21, channels=16),
        "leaky": LeakyLifter(17, 3, 21, channels=16, blocks=2),
        "graph": SkeletonLifter(COCO, MUCO, 3, channels=8, layers=2),
        "non-local": SemGCN(TREE, 2, channels=8, layers=1, groups=PAIRS),
    }


@pytest.fixture(params=["residual", "stereo", "leaky", "graph", "non-local"])
def net(request: pytest.FixtureRequest, randomized: Callable[[FrameLifter], FrameLifter]) -> FrameLifter:
    torch.manual_seed(0)
    made = lifters()[request.param]
    for module in made.modules():
        if isinstance(module, SemGraphConv):
            nn.init.normal_(module.e)
    return randomized(made)


def test_residual_lifter_by_hand() -> None:
    net = ResidualLifter(1, 2, 1, channels=1, blocks=1, dropout=0.0).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.eps = 0.0
    for key, values in {
        "w1.weight": (2, 1),
        "w1.bias": (1,),  # 2·3 + 1·(-4) + 1 = 3
        "linear_stages.0.w1.weight": (2,),
        "linear_stages.0.w1.bias": (-1,),  # 2·3 - 1 = 5
        "linear_stages.0.w2.weight": (-1,),
        "linear_stages.0.w2.bias": (7,),  # 7 - 5 = 2, and 3 around it: 5
        "w2.weight": (1, 10, -1),
        "w2.bias": (0, 1, 0),
    }.items():
        set_to(net.get_parameter(key), *values)
    assert net(torch.tensor([[[3.0, -4.0]]])).tolist() == [[[5, 51, -5]]]


def test_residual_lifter_has_the_published_size() -> None:
    assert sum(p.numel() for p in ResidualLifter(16, 2, 16).parameters()) == 4_291_632  # "4 to 5 million"
    assert list(ResidualLifter(16, 2, 15).state_dict())[:3] == ["w1.weight", "w1.bias", "batch_norm1.weight"]


def test_leaky_lifter_by_hand() -> None:
    net = LeakyLifter(1, 2, 1, channels=1, blocks=1)
    for key, values in {
        "first.weight": (2, 1),
        "first.bias": (-10,),  # 2·3 + 1·(-4) - 10 = -8, and -2.4 as leaky
        "blocks.0.first.weight": (-5,),
        "blocks.0.first.bias": (0,),  # 12
        "blocks.0.second.weight": (1,),
        "blocks.0.second.bias": (0.4,),  # 12.4 - 2.4 = 10
        "last.weight": (-2,),
        "last.bias": (0,),  # -20, and -6 as leaky
        "out.weight": (1, 10, -1),
        "out.bias": (0, 1, 0),
    }.items():
        set_to(net.get_parameter(key), *values)
    torch.testing.assert_close(net(torch.tensor([[[3.0, -4.0]]])), torch.tensor([[[-6.0, -59.0, 6.0]]]))


def test_leaky_lifter_has_the_published_layers() -> None:
    layers = 7 * (1000 * 1000 + 1000)  # two to each of three blocks, and the last hidden one
    assert sum(p.numel() for p in LeakyLifter(16, 2, 16).parameters()) == layers + 33 * 1000 + 1001 * 48


def test_frozen_lifter_gives_the_same_outputs(net: FrameLifter) -> None:
    x = torch.randn(4, net.num_joints_in, net.in_features)
    frozen = net.frozen()
    torch.testing.assert_close(frozen(x), net(x), rtol=1e-4, atol=1e-5)
    left = [m for m in frozen.modules() if isinstance(m, SemGraphConv)]
    assert not left
    if not isinstance(net, LeakyLifter):
        assert any(isinstance(m, nn.BatchNorm1d) for m in net.modules())  # the net itself stays as it was


def test_exported_lifter_is_relative_to_its_root(net: FrameLifter, tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    file = tmp_path / "lifter.onnx"
    assert export_frame_lifter(net, file, root=2) <= 1e-4
    x = torch.randn(3, net.num_joints_in, net.in_features)
    session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (joints,) = session.run(["joints"], {"keypoints": x.numpy()})
    with torch.no_grad():
        wanted = net(x)
    np.testing.assert_allclose(joints, (wanted - wanted[:, 2:3]).numpy(), atol=1e-4)
    assert (joints[:, 2] == 0).all()
