"""Critics: the kinematic chain space by hand, gradient penalties, and that they learn to tell poses apart."""

from __future__ import annotations

import pytest
import torch

from pose3d_training.learning.critics import (
    DescriptorCritic,
    PoseCritic,
    VideoCritic,
    WassersteinCritic,
    gradient_penalty,
    kinematic_chain_space,
)

from .people import H36M, changed, people

CRITICS = (PoseCritic, DescriptorCritic, VideoCritic)


def test_chain_space_holds_squared_lengths_and_inner_products() -> None:
    joints = torch.tensor([[[0.0, 0, 0], [0, 2.0, 0], [1.0, 2.0, 0]]])
    wanted = torch.tensor([[[4.0, 0.0], [0.0, 1.0]]])
    torch.testing.assert_close(kinematic_chain_space(joints, ((0, 1), (1, 2))), wanted)


def test_chain_space_does_not_see_rotations() -> None:
    lifted = people([0.0])
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0]
    one, two = (kinematic_chain_space(j, H36M.edges) for j in (lifted.joints_m, lifted.joints_m @ turn))
    torch.testing.assert_close(one, two)


def test_gradient_penalty_of_a_linear_score_by_hand() -> None:
    made, true = torch.zeros(5, 1, 2), torch.ones(5, 1, 2)
    slope = torch.tensor([3.0, 4.0])  # norm 5
    assert float(gradient_penalty(lambda x: x[:, 0] @ slope, made, true)) == pytest.approx(16.0)


@pytest.mark.parametrize("kind", CRITICS)
def test_critic_learns_to_tell_collapsed_poses_from_true_ones(kind: type[WassersteinCritic]) -> None:
    torch.manual_seed(0)
    lifted = people([0.0] * 16, frames=5)
    lifted = changed(lifted, 0.2 * lifted.joints_m)
    critic = kind(H36M, H36M).double()
    optimizer = torch.optim.Adam(critic.parameters(), 1e-3, betas=(0.0, 0.9))
    for _ in range(60):
        optimizer.zero_grad()
        critic.critic_loss(lifted).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    made, true = critic.windows(lifted)
    assert float(critic.score(true).detach().mean()) > float(critic.score(made).detach().mean()) + 0.1


@pytest.mark.parametrize("kind", CRITICS)
def test_gradients_are_those_of_differences(kind: type[WassersteinCritic]) -> None:
    torch.manual_seed(5)
    lifted = people([0.0, 0.0], frames=4)
    critic = kind(H36M, H36M).double()
    joints = (lifted.joints_m + 0.05 * torch.randn_like(lifted.joints_m)).requires_grad_()
    assert torch.autograd.gradcheck(lambda j: critic(changed(lifted, j)), (joints,), atol=1e-4)


def test_video_critic_sees_jitter_of_the_root_alone() -> None:
    torch.manual_seed(5)
    lifted = people([0.0, 0.0], frames=6)
    critic = VideoCritic(H36M, H36M).double()
    made, _ = critic.windows(lifted)
    shaken = made.clone()
    shaken[..., -3:] += 0.1 * torch.randn_like(shaken[..., -3:])
    assert (critic.score(made) - critic.score(shaken)).abs().min() > 1e-6
