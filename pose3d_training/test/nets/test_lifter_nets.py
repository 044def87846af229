"""Lifters of single frames: their layers by hand, and exported graphs that answer as the nets do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pose3d_ros.engines.graphs.tensorrt_ops import unsupported_ops
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.nets.exported_graphs import export_frame_lifter
from pose3d_training.nets.lifter_nets import FrameLifter, ResidualLifter
from pose3d_training.nets.sem_gcn import SemGCN, SkeletonLifter
from pose3d_training.nets.sem_gcn_layers import GraphNonLocal, SemGraphConv, neighbors

COCO, MUCO = get_skeleton("coco17"), get_skeleton("muco21")
PAIRS = ((0, 1), (2, 3), (4, 5))
TREE = neighbors(6, ((0, 1), (1, 2), (2, 3), (1, 4), (4, 5)))


def set_to(parameter: Tensor, *values: float) -> None:
    with torch.no_grad():
        parameter.copy_(torch.tensor(values).reshape(parameter.shape))


def lived_in(net: nn.Module) -> nn.Module:
    """With normalizations and neighbors' weights that are not those it starts with."""
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
        if isinstance(module, SemGraphConv):
            nn.init.normal_(module.e)
    return net.eval()


def lifters() -> dict[str, FrameLifter]:
    return {
        "residual": ResidualLifter(17, 3, 21, channels=16),
        "graph": SkeletonLifter(COCO, MUCO, 3, channels=8, layers=2),
        "non-local": SemGCN(TREE, 2, channels=8, layers=1, groups=PAIRS),
    }


of_every_lifter = pytest.mark.parametrize("name", ["residual", "graph", "non-local"])


def test_a_residual_net_by_hand() -> None:
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


def test_the_residual_net_has_the_papers_size() -> None:
    assert sum(p.numel() for p in ResidualLifter(16, 2, 16).parameters()) == 4_291_632  # "4 to 5 million"
    assert list(ResidualLifter(16, 2, 15).state_dict())[:3] == ["w1.weight", "w1.bias", "batch_norm1.weight"]


def test_neighbors_by_hand() -> None:
    assert neighbors(3, [(2, 1)]).tolist() == [[True, False, False], [False, True, True], [False, True, True]]


def test_a_graph_convolution_by_hand() -> None:
    layer = SemGraphConv(1, 1, neighbors(3, [(0, 1), (1, 2)]))
    set_to(layer.W, 1, 10)
    set_to(layer.bias, 100)
    # Shares of a joint itself and its neighbors, row by row: ½ ½, ⅕ ⅖ ⅖, ¼ ¾.
    set_to(layer.e, *np.log([1, 1, 1, 2, 2, 1, 3]).tolist())
    got = layer(torch.tensor([[[1.0], [2.0], [4.0]]]))
    wanted = [0.5 * 1 + 0.5 * 20, 0.4 * 2 + 0.2 * 10 + 0.4 * 40, 0.75 * 4 + 0.25 * 20]
    np.testing.assert_allclose(got.detach().numpy().ravel(), np.array(wanted) + 100, rtol=1e-5)


def test_a_non_local_block_by_hand() -> None:
    block = GraphNonLocal(2, ((0, 2), (1, 3))).eval()
    inner = block.get_submodule("nonlocal")
    state = inner.state_dict()
    values = {
        "g.0.weight": [1, 1], "theta.weight": [1, 0], "phi.0.weight": [0, 1], "concat_project.0.weight": [2, 3],
        "W.0.weight": [1, -1], "W.1.weight": [1, 1],
    }  # fmt: skip
    for key, value in values.items():
        state[key] = torch.tensor(value, dtype=torch.float32).reshape(state[key].shape)
    for key in ("g.0.bias", "theta.bias", "phi.0.bias", "W.0.bias"):
        state[key] = torch.zeros_like(state[key])
    inner.load_state_dict(state)
    x = torch.tensor([[[1.0, 0.0], [-9.0, 1.0], [0.0, 2.0], [2.0, -1.0]]])
    # phi of the groups: max(0, 2) = 2, max(1, -1) = 1. g: max(1, 2) = 2, max(-8, 1) = 1.
    # Joint i: relu(2 x_i + 3·2)/2·2 + relu(2 x_i + 3·1)/2·1.
    added = torch.tensor([8 + 2.5, 0, 6 + 1.5, 10 + 3.5])
    wanted = x + torch.stack((added, -added), dim=1)
    torch.testing.assert_close(block(x), wanted, rtol=1e-4, atol=1e-4)


def test_joints_without_a_bone_between_them_do_not_meet() -> None:
    net = SemGCN(neighbors(4, [(0, 1), (2, 3)]), 2, channels=4, layers=1).eval()
    x = torch.randn(1, 4, 2)
    other = x.clone()
    other[:, 2] += 1
    assert torch.equal(net(x)[:, :2], net(other)[:, :2])
    assert not torch.equal(net(x)[:, 2:], net(other)[:, 2:])


def test_a_skeleton_lifter_reads_and_gives_joints_by_name() -> None:
    net = SkeletonLifter(COCO, MUCO, 3, channels=4, layers=1)
    assert net.places.shape == (26, 17)  # muco21 and COCO's nose, eyes and ears
    assert net.places[MUCO.index_of["L_Wrist"]].argmax() == COCO.index_of["L_Wrist"]
    assert net.places[MUCO.index_of["Pelvis"]].sum() == 0
    assert net.places.sum() == 17
    assert net(torch.randn(2, 17, 3)).shape == (2, 21, 3)
    assert not any("places" in key or "mask" in key for key in net.state_dict())


@of_every_lifter
def test_freezing_changes_no_answer(name: str) -> None:
    net = lifters()[name]
    lived_in(net)
    x = torch.randn(4, net.num_joints_in, net.in_features)
    frozen = net.frozen()
    torch.testing.assert_close(frozen(x), net(x), rtol=1e-4, atol=1e-5)
    left = [m for m in frozen.modules() if isinstance(m, SemGraphConv)]
    assert not left
    assert any(isinstance(m, nn.BatchNorm1d) for m in net.modules())  # the net itself stays as it was


@of_every_lifter
def test_an_exported_lifter_answers_relative_to_its_root(name: str, tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    net = lifters()[name]
    lived_in(net)
    file = tmp_path / "lifter.onnx"
    assert export_frame_lifter(net, file, root=2) <= 1e-4
    assert unsupported_ops(file) == []
    x = torch.randn(3, net.num_joints_in, net.in_features)
    session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (joints,) = session.run(["joints"], {"keypoints": x.numpy()})
    with torch.no_grad():
        wanted = net(x)
    np.testing.assert_allclose(joints, (wanted - wanted[:, 2:3]).numpy(), atol=1e-4)
    assert (joints[:, 2] == 0).all()
