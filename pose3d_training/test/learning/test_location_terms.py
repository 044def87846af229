"""Location maps and heads of earlier stages: what they read, and that they learn it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from pose3d_ros.skeletons import get_skeleton
from pose3d_training.learning.image_terms import ImageTerm, PoseSeen
from pose3d_training.learning.location_terms import IntermediateTerm, LocationMapTerm
from pose3d_training.nets.root_pose_net import RootPoseNet

MUCO = get_skeleton("muco21")
SIZE = 64


def net_and_batch() -> tuple[RootPoseNet, dict[str, torch.Tensor]]:
    """Two people with joints on the crop at different depths."""
    torch.manual_seed(0)
    batch = {
        "image": torch.randn(2, 3, SIZE, SIZE), "k_m": torch.full((2,), 5.0),
        "joints_crop_px": 12 + 40 * torch.rand(2, len(MUCO), 2), "relative_depth_m": torch.rand(2, len(MUCO)) - 0.5,
        "root_depth_m": torch.full((2,), 4.0), "inside": torch.ones(2, len(MUCO)), "has_depth": torch.ones(2),
    }  # fmt: skip
    batch["relative_depth_m"][:, MUCO.root] = 0
    return RootPoseNet("resnet10w8", MUCO, SIZE, num_deconv=2, deconv_channels=8).train(), batch


def seen(net: RootPoseNet, batch: dict[str, torch.Tensor]) -> PoseSeen:
    return PoseSeen(net(batch["image"], batch["k_m"]), batch, MUCO, SIZE)


def test_features_are_those_of_every_stage_and_the_last_one() -> None:
    net, batch = net_and_batch()
    found = seen(net, batch).out.features
    assert [f.shape[-1] for f in found] == [16, 8, 4, 2, 8]
    assert found[-1].shape[1] == 8


def test_maps_that_are_the_truth_at_the_joints_cost_nothing() -> None:
    net, batch = net_and_batch()
    for name in ("joints_crop_px", "relative_depth_m"):
        batch[name] = batch[name][:1].expand_as(batch[name])
    term, made = LocationMapTerm(net), seen(net, batch)
    true = made.true_m()[0]
    delta = true - true[term.parents]
    with torch.no_grad():
        for conv, wanted in ((term.to_parent, delta), (term.to_root, true)):
            conv.weight.zero_()
            conv.get_parameter("bias").copy_(wanted.flatten())
    assert term(made).item() == pytest.approx(0.0, abs=1e-5)
    with torch.no_grad():
        term.to_root.get_parameter("bias")[3 * MUCO.index_of["L_Wrist"]] += 0.5
    assert term(made).item() > 1e-3


def test_photographs_and_joints_outside_have_no_location() -> None:
    net, batch = net_and_batch()
    batch["has_depth"] = torch.tensor([1.0, 0.0])
    batch["inside"][0] = 0
    assert LocationMapTerm(net)(seen(net, batch)).item() == 0


@pytest.mark.parametrize("kind", [LocationMapTerm, IntermediateTerm])
def test_term_falls_as_net_and_heads_learn(kind: Callable[[RootPoseNet], ImageTerm]) -> None:
    net, batch = net_and_batch()
    term = kind(net)
    optimizer = torch.optim.Adam([*net.parameters(), *term.parameters()], 3e-3)
    losses = []
    for _ in range(30):
        loss = term(seen(net, batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.85 * losses[0]
    assert net.backbone.conv1.weight.grad is not None
