"""Semantic graph convolutional lifters."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pose3d_ros.skeletons import get_skeleton
from pose3d_training.nets.sem_gcn import GraphNonLocal, SemGCN, SemGraphConv, SkeletonLifter, neighbors

COCO, MUCO = get_skeleton("coco17"), get_skeleton("muco21")


def test_unconnected_joints_are_independent() -> None:
    net = SemGCN(neighbors(4, [(0, 1), (2, 3)]), 2, channels=4, layers=1).eval()
    x = torch.randn(1, 4, 2)
    other = x.clone()
    other[:, 2] += 1
    assert torch.equal(net(x)[:, :2], net(other)[:, :2])
    assert not torch.equal(net(x)[:, 2:], net(other)[:, 2:])


def test_skeleton_lifter_maps_joints_by_name() -> None:
    net = SkeletonLifter(COCO, MUCO, 3, channels=4, layers=1)
    assert net.selection.shape == (26, 17)  # muco21 and COCO's nose, eyes and ears
    assert net.selection[MUCO.index_of["L_Wrist"]].argmax() == COCO.index_of["L_Wrist"]
    assert net.selection[MUCO.index_of["Pelvis"]].sum() == 0
    assert net.selection.sum() == 17
    assert net(torch.randn(2, 17, 3)).shape == (2, 21, 3)
    assert not any("selection" in key or "mask" in key for key in net.state_dict())


def set_to(parameter: Tensor, *values: float) -> None:
    with torch.no_grad():
        parameter.copy_(torch.tensor(values).reshape(parameter.shape))


def test_neighbors_by_hand() -> None:
    assert neighbors(3, [(2, 1)]).tolist() == [[True, False, False], [False, True, True], [False, True, True]]


def test_graph_convolution_by_hand() -> None:
    layer = SemGraphConv(1, 1, neighbors(3, [(0, 1), (1, 2)]))
    set_to(layer.W, 1, 10)
    set_to(layer.bias, 100)
    # Shares of a joint itself and its neighbors, row by row: ½ ½, ⅕ ⅖ ⅖, ¼ ¾.
    set_to(layer.e, *np.log([1, 1, 1, 2, 2, 1, 3]).tolist())
    got = layer(torch.tensor([[[1.0], [2.0], [4.0]]]))
    wanted = [0.5 * 1 + 0.5 * 20, 0.4 * 2 + 0.2 * 10 + 0.4 * 40, 0.75 * 4 + 0.25 * 20]
    np.testing.assert_allclose(got.detach().numpy().ravel(), np.array(wanted) + 100, rtol=1e-5)


def test_non_local_block_by_hand() -> None:
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
