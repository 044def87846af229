"""Losses against values worked by hand."""

import math

import pytest
import torch

from pose3d_training.tasks import losses


def test_coordinate_loss_counts_only_joints_inside() -> None:
    ground_truth = torch.zeros(1, 2, 2)
    predicted = torch.tensor([[[4.0, 8.0], [500.0, 500.0]]])
    z = torch.tensor([[0.1, 9.0]])
    inside = torch.tensor([[1.0, 0.0]])
    loss = losses.coordinate_loss(predicted, ground_truth, z, torch.zeros(1, 2), inside, size_px=256)
    # (4 + 8)·64/256 = 3 bins in the plane, 0.1·32 = 3.2 in depth, a third of their sum
    assert float(loss) == pytest.approx((3 + 3.2) / 3)


def test_joint_error_is_in_metres() -> None:
    # f = 500 px, a 200 px box: k = 2·500/200 = 5 m. At 4 m a crop pixel (256 a side) is 200/256 image pixels,
    # and an image pixel there is 4/500 m.
    k, depth = torch.tensor([5.0]), torch.tensor([4.0])
    error = losses.joint_error_m(
        torch.tensor([[[10.0, 0.0]]]), torch.zeros(1, 1, 2), torch.zeros(1, 1), torch.zeros(1, 1), depth, k, 256
    )
    assert float(error) == pytest.approx(10 * 200 / 256 * 4 / 500)


def test_root_depth_loss_is_minimal_at_the_ground_truth() -> None:
    true = torch.tensor([4.0])
    at = losses.root_depth_loss(torch.tensor([4.0]), torch.tensor([-3.0]), true)
    off = losses.root_depth_loss(torch.tensor([4.4]), torch.tensor([-3.0]), true)
    assert at < off
    error = abs(math.log(1.1))
    best = math.log(error * math.sqrt(2))
    values = [
        float(losses.root_depth_loss(torch.tensor([4.4]), torch.tensor([best + d]), true)) for d in (-0.3, 0.0, 0.3)
    ]
    assert values[1] < min(values[0], values[2])


def test_joint_score_target_is_a_close_joint_inside() -> None:
    logits = torch.tensor([[9.0, -9.0, -9.0]])
    good = losses.joint_score_loss(logits, torch.tensor([[0.05, 0.5, 0.05]]), torch.tensor([[1.0, 1.0, 0.0]]))
    bad = losses.joint_score_loss(-logits, torch.tensor([[0.05, 0.5, 0.05]]), torch.tensor([[1.0, 1.0, 0.0]]))
    assert float(good) < 1e-3 < float(bad)


def test_heat_loss_ignores_cells_without_weight() -> None:
    heat = torch.zeros(1, 1, 2, 2)
    heat[0, 0, 0, 0] = 1
    logits = torch.full((1, 1, 2, 2), -12.0)
    logits[0, 0, 0, 0] = 12
    logits[0, 0, 1, 1] = 12  # a false alarm
    weight = torch.ones(1, 1, 2, 2)
    counted = losses.heat_loss(logits, heat, weight)
    weight[0, 0, 1, 1] = 0
    ignored = losses.heat_loss(logits, heat, weight)
    assert float(counted) > 5
    assert float(ignored) < 1e-4


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        ((2.0, 2.0, 2.0, 2.0), 0.0),  # the same box
        ((4.0, 2.0, 2.0, 2.0), 1 - 16 / 24),  # 6x4 against 4x4, hull is the union
        ((2.0, 2.0, -1.0, 2.0), 1 - (4 / 16 - 0.0)),  # 1x4 inside 4x4
    ],
)
def test_box_loss_is_generalized_iou(predicted: tuple[float, ...], expected: float) -> None:
    ground_truth = torch.full((1, 4, 1, 1), 2.0)
    box = torch.tensor(predicted).reshape(1, 4, 1, 1)
    assert float(losses.box_loss(box, ground_truth, torch.ones(1, 1, 1, 1))) == pytest.approx(expected, abs=1e-6)
