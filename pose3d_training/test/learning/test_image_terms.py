"""Losses of nets that read images, on people of whom the net says the truth or not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pose3d_ros.skeletons import get_skeleton
from pose3d_training.learning.image_registry import make_image_terms
from pose3d_training.learning.image_terms import PoseSeen
from pose3d_training.nets.root_pose_net import RootPoseNet, RootPoseOutput

MUCO = get_skeleton("muco21")
SIZE, K_M, DEPTH_M = 64, 5.0, 4.0
PER_PX = 2 * DEPTH_M / (K_M * SIZE)


def seen(has_depth: list[float], z_m: Tensor | None = None) -> PoseSeen:
    """The same person N times in weak perspective, about 4 m away; the net is right but for z_m (N, J), if given."""
    generator = torch.Generator().manual_seed(0)
    joints = 0.4 * torch.randn(len(MUCO), 3, generator=generator, dtype=torch.float64)
    joints = (joints - joints[MUCO.root]).expand(len(has_depth), -1, -1)
    px = joints[..., :2] / PER_PX + 32
    depth = torch.full((len(has_depth),), DEPTH_M, dtype=torch.float64)
    ones = torch.ones(len(has_depth), len(MUCO), dtype=torch.float64)
    z = joints[..., 2].clone() if z_m is None else z_m
    out = RootPoseOutput(px.clone(), z, ones, depth, ones[:, 0], ones, ones[..., None], ones[..., None])
    batch = {
        "k_m": torch.full_like(depth, K_M), "joints_crop_px": px, "relative_depth_m": joints[..., 2],
        "root_depth_m": torch.where(torch.tensor(has_depth) > 0, depth, 1.0), "inside": ones, "known": ones,
        "has_depth": torch.tensor(has_depth, dtype=torch.float64),
    }  # fmt: skip
    return PoseSeen(out, batch, MUCO, SIZE)


def term(name: str) -> torch.nn.Module:
    net = RootPoseNet("resnet10w8", MUCO, SIZE)
    return make_image_terms({name: 1.0}, net)[name].double()


def test_photograph_is_measured_at_the_depth_that_the_net_says() -> None:
    made = seen([1.0, 0.0])
    torch.testing.assert_close(made.metres_per_px, torch.full((2,), PER_PX, dtype=torch.float64))
    placed = made.placed_m()[1]
    limbs = [(a, b) for a, b in MUCO.edges]
    first, second = (torch.stack([placed[edge[i]] for edge in limbs]) for i in range(2))
    assert (first - second).norm(dim=-1).min() > 0
    torch.testing.assert_close(placed - placed[MUCO.root], _relative(made)[1])


def _relative(made: PoseSeen) -> Tensor:
    px = made.batch["joints_crop_px"]
    planar = (px - px[:, [MUCO.root]]) * PER_PX
    return torch.cat([planar, made.batch["relative_depth_m"][..., None]], dim=-1)


def test_depths_of_photographs_get_a_gradient_from_bone_ratios_and_labeled_ones_do_not() -> None:
    z = seen([1.0, 0.0]).batch["relative_depth_m"].clone()
    z[:, MUCO.index_of["L_Wrist"]] += 0.8
    z.requires_grad_()
    loss = term("bone_ratios")(seen([1.0, 0.0], z))
    loss.backward()
    assert z.grad is not None
    assert float(z.grad[0].abs().sum()) == 0
    wrist = z.grad[1, MUCO.index_of["L_Wrist"]]
    # A step down the gradient brings the forearm's length nearer to that of the other bones of the arms.
    stepped = z.detach().clone()
    stepped[1, MUCO.index_of["L_Wrist"]] -= 0.05 * wrist.sign()
    assert term("bone_ratios")(seen([1.0, 0.0], stepped)).item() < loss.item()


def test_unknown_joint_has_no_part_in_bone_ratios() -> None:
    z = seen([1.0, 0.0]).batch["relative_depth_m"].clone()
    made = seen([1.0, 0.0], z)
    known = made.batch["known"].clone()
    known[1, MUCO.index_of["L_Wrist"]] = 0
    losses = []
    for depth in (0.0, 3.0):
        z = z.clone()
        z[1, MUCO.index_of["L_Wrist"]] = depth
        other = seen([1.0, 0.0], z)
        losses.append(float(term("bone_ratios")(PoseSeen(other.out, {**other.batch, "known": known}, MUCO, SIZE))))
    assert losses[0] == pytest.approx(losses[1])


@pytest.mark.parametrize("name", ["ordinal", "ranking"])
def test_order_of_a_photograph_is_learned_and_other_pairs_are_not(name: str) -> None:
    elbow, knee = MUCO.index_of["L_Elbow"], MUCO.index_of["R_Knee"]
    order = torch.zeros(2, len(MUCO), len(MUCO), dtype=torch.float64)
    order[:, elbow, knee], order[:, knee, elbow] = 1, -1
    z = torch.zeros(2, len(MUCO), dtype=torch.float64, requires_grad=True)
    made = seen([1.0, 0.0], z)
    loss = term(name)(PoseSeen(made.out, {**made.batch, "order": order, "ordered": order.abs()}, MUCO, SIZE))
    loss.backward()
    assert z.grad is not None
    moved = {int(i) for i in z.grad[1].nonzero()}
    assert moved == {elbow, knee}
    assert z.grad[1, elbow] > 0 > z.grad[1, knee]  # downhill the elbow comes nearer
    assert float(z.grad[0].abs().sum()) == 0


def test_root_coordinates_by_hand() -> None:
    made = seen([1.0, 0.0])
    px = made.out.joints_crop_px.clone()
    px[:, MUCO.root] += torch.tensor([3.0, -1.0])
    out = made.out._replace(joints_crop_px=px, root_depth_m=made.out.root_depth_m + 0.6)
    loss = term("root_coordinates")(PoseSeen(out, made.batch, MUCO, SIZE))
    # 4 px of a crop of 64 in each, 0.6 m in the one with a depth; mean, a third.
    assert float(loss) == pytest.approx((4 + 0.6 + 4) / 2 / 3)
