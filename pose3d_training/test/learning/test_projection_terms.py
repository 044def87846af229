"""Losses of 2D joints: the root that fits, projections, and a net that gives the root."""

from __future__ import annotations

import pytest
import torch

from pose3d_training.learning.projection_terms import Reprojection, Trajectory, WeakPerspective, best_root

from .people import H36M, changed, people


def test_best_root_of_exact_keypoints_is_the_root() -> None:
    lifted = people([0.0, 0.0], frames=3)
    keypoints, scores = lifted.keypoints()
    torch.testing.assert_close(best_root(lifted.joints_m, keypoints, scores), lifted.batch["root_m"], atol=5e-3, rtol=0)


def test_reprojection_of_true_joints_is_nothing_whatever_an_unknown_joint_says() -> None:
    lifted = people([0.0, 0.0])
    assert float(Reprojection(H36M, H36M).double()(lifted)) < 1e-4
    lifted.batch["features"][:, :, 4] = torch.tensor([9.0, 9.0, 0.0], dtype=torch.float64)
    assert float(Reprojection(H36M, H36M).double()(lifted)) < 1e-4
    lifted.batch["features"][:, :, 4, 2] = 0.5
    assert float(Reprojection(H36M, H36M).double()(lifted)) > 0.1


def test_distance_is_in_spreads_by_hand() -> None:
    lifted = people([0.0])
    term = Reprojection(H36M, H36M).double()
    joints, keypoints, weights = term.matched(lifted)
    moved = keypoints.clone()
    moved[..., 0] += 0.05 * lifted.batch["spread"][..., None]  # all by a twentieth of the spread, within Huber's square
    found = term.distance(joints, lifted.batch["root_m"], moved, weights, lifted)
    assert float(found) == pytest.approx(0.5 * 0.05**2 / 0.1)


def test_reprojection_moves_joints_onto_their_rays() -> None:
    lifted = people([0.0, 0.0])
    torch.manual_seed(5)
    joints = (lifted.joints_m + 0.1 * torch.randn_like(lifted.joints_m)).requires_grad_()
    term = Reprojection(H36M, H36M).double()
    optimizer = torch.optim.Adam([joints], 0.01)
    before = float(term(changed(lifted, joints.detach())))
    for _ in range(100):
        optimizer.zero_grad()
        loss = term(changed(lifted, joints))
        loss.backward()
        optimizer.step()
    assert float(loss) < 0.1 * before


def test_trajectory_net_learns_the_root_and_projects_from_it() -> None:
    torch.manual_seed(5)
    lifted = people([1.0] * 8 + [0.0] * 8)
    term = Trajectory(H36M, H36M).double()
    optimizer = torch.optim.Adam(term.parameters(), 3e-3)
    for _ in range(200):
        optimizer.zero_grad()
        loss = term(lifted)
        loss.backward()
        optimizer.step()
    joints, keypoints, weights = term.matched(lifted)
    off = (term.root_m(lifted, joints, keypoints, weights) - lifted.batch["root_m"]).norm(dim=-1)
    assert float(off[:8].detach().mean()) < 0.15


def test_weak_perspective_camera_costs_by_hand() -> None:
    lifted = people([0.0])
    term = WeakPerspective(H36M, H36M).double()
    with torch.no_grad():
        term.camera_out.weight.zero_()
        term.camera_out.bias.copy_(torch.tensor([2.0, 0.0, 0.0, 0.0, 1.0, 0.0]))
    # KKᵀ = diag(4, 1), trace 5: |8/5 − 1| + |2/5 − 1| = 1.2, and nothing else where K·P is what is seen.
    flat = lifted.features[..., :2] / torch.tensor([2.0, 1.0])
    joints = torch.cat([flat + 0.3, lifted.joints_m[..., 2:]], dim=-1)
    assert float(term(changed(lifted, joints)).detach()) == pytest.approx(1.2)


@pytest.mark.parametrize("kind", [Reprojection, Trajectory, WeakPerspective])
def test_gradients_are_those_of_differences(kind: type[Reprojection]) -> None:
    torch.manual_seed(5)
    lifted = people([1.0, 0.0])
    term = kind(H36M, H36M).double()
    joints = (lifted.joints_m + 0.05 * torch.randn_like(lifted.joints_m)).requires_grad_()
    assert torch.autograd.gradcheck(lambda j: term(changed(lifted, j)), (joints,), atol=1e-4)
