"""Semantic graph convolutional lifters."""

from __future__ import annotations

import torch

from pose3d_ros.skeletons import get_skeleton
from pose3d_training.nets.sem_gcn import SemGCN, SkeletonLifter
from pose3d_training.nets.sem_gcn_layers import neighbors

COCO, MUCO = get_skeleton("coco17"), get_skeleton("muco21")


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
