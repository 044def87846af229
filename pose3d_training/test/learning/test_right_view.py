"""The right view of a person: by hand, against a camera that stands there, and as a loss."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pose3d_training.learning.loss_term import Lifted
from pose3d_training.learning.right_view import RightView, right_view

from .people import H36M, people


def true_view(lifted: Lifted, **options: float) -> Tensor:
    batch = lifted.batch
    return right_view(batch["target_m"], batch["root_m"], batch["center"], batch["spread"], **options)


def exact(labeled: list[float]) -> Lifted:
    """People whose synthesized right view is the true one."""
    lifted = people(labeled)
    return replace(lifted, right_view=true_view(lifted))


def test_right_view_by_hand() -> None:
    joints = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.25, 1.0], [0.0, 0.0, -2.0]])
    root, center, spread = torch.tensor([0.0, 0.0, 4.0]), torch.tensor([0.05, 0.0]), torch.tensor(0.1)
    found = right_view(joints, root, center, spread, baseline=0.5)
    # The second: 0.5/5 − 0.05, and 0.5·(1 − 4/5) to the right; the third, at half the distance, 0.5 to the left.
    wanted = torch.tensor([[-0.5, 0.0], [1.5, 0.5], [-5.5, 0.0]])
    torch.testing.assert_close(found, wanted)


def test_right_view_without_a_baseline_is_the_left_one() -> None:
    lifted = people([1.0, 1.0])
    torch.testing.assert_close(true_view(lifted, baseline=0.0), lifted.features[..., :2])


def test_right_view_is_what_a_camera_there_sees_of_joints_from_the_root() -> None:
    lifted = people([1.0, 1.0], frames=2)
    root = lifted.batch["root_m"][..., None, :]
    right = root[..., 2:] * torch.tensor([0.3, 0.0, 0.0], dtype=torch.float64)
    placed = lifted.batch["target_m"] + root - right
    seen = placed[..., :2] / placed[..., 2:]
    from_root = (seen - seen[:, :, :1]) / lifted.batch["spread"][..., None, None]
    found = true_view(lifted, baseline=0.3)
    torch.testing.assert_close(found - found[:, :, :1], from_root)


def test_loss_is_the_mean_distance_of_labeled_joints_in_spreads() -> None:
    lifted, term = exact([1.0, 0.0]), RightView(H36M, H36M)
    assert float(term(lifted)) == 0.0
    assert lifted.right_view is not None
    off = torch.zeros_like(lifted.right_view)
    off[0, 0, 3] = torch.tensor([0.3, 0.4])
    off[1] = 7.0  # of nobody labeled
    assert float(term(replace(lifted, right_view=lifted.right_view + off))) == pytest.approx(0.5 / 17)


def test_person_without_a_shape_counts_for_nothing_and_near_joints_stay_finite() -> None:
    lifted = people([1.0, 1.0])
    lifted.batch["spread"][0] = 0.0
    lifted.batch["root_m"][0, :, 2] = -1.0
    made = replace(lifted, right_view=true_view(lifted) + torch.tensor([0.6, 0.8]))
    assert torch.isfinite(true_view(lifted)).all()
    assert float(RightView(H36M, H36M)(made)) == pytest.approx(1.0)
    wrong = true_view(lifted)
    wrong[0] += 9.0
    assert float(RightView(H36M, H36M)(replace(lifted, right_view=wrong))) == 0.0


def test_gradients_are_those_of_differences() -> None:
    lifted, term = exact([1.0, 0.0]), RightView(H36M, H36M)
    assert lifted.right_view is not None
    view = (1.1 * lifted.right_view + 0.05).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: term(replace(lifted, right_view=v)), (view,))
    joints, batch = lifted.joints_m.clone().requires_grad_(), lifted.batch
    view_of = (batch["root_m"], batch["center"], batch["spread"])
    assert torch.autograd.gradcheck(lambda j: right_view(j, *view_of), (joints,))
