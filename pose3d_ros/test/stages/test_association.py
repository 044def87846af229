from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.optimize import linear_sum_assignment

from pose3d_ros.records import Detection, Pose
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.association import assign, drop_duplicates, image_similarity, shares_on_limbs
from pose3d_ros.types import Array

SKELETON = get_skeleton("mpii16")


def pose(shift_px: float, score: float = 0.9, side_px: float = 100.0, valid: int = 16) -> Pose:
    joints = np.stack((np.linspace(0, 100, 16) + shift_px, np.linspace(0, 100, 16)), axis=-1)
    joints[valid:] = np.nan
    box = np.array([shift_px, 0, shift_px + side_px, side_px])
    return Pose(np.array([0, 0, 4.0]), np.zeros((16, 3)), joints, np.ones(16), SKELETON, Detection(box, score))


COSTS = arrays(
    np.float64, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.floats(-9, 9) | st.just(np.inf)
)


@given(COSTS)
def test_assignment_costs_what_that_of_scipy_does(cost: Array) -> None:
    pairs = assign(cost, 5.0)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    rows, columns = linear_sum_assignment(np.minimum(cost, 5.0))
    least = np.minimum(cost, 5.0)[rows, columns].sum() - 5.0 * len(rows)
    assert sum(cost[pair] - 5.0 for pair in pairs) == pytest.approx(least)
    assert all(cost[pair] < 5.0 for pair in pairs)


def test_assignment_by_hand() -> None:
    # The nearest of each row is column 0; 1 + 2 is the least of all.
    assert assign(np.array([[1.0, 4.0], [0.5, 2.0]]), 9.0) == [(0, 0), (1, 1)]
    assert assign(np.array([[1.0], [0.5], [np.nan]]), 9.0) == [(1, 0)]
    assert assign(np.empty((0, 3)), 9.0) == assign(np.full((2, 2), 9.0), 9.0) == []


def test_similarity_by_hand() -> None:
    # σ is a tenth of the 100 px side: 10 px apart is exp(−1/2).
    similarity = image_similarity([pose(0), pose(10)])
    np.testing.assert_allclose(similarity, [[1, np.exp(-0.5)], [np.exp(-0.5), 1]])


def test_smaller_person_sets_the_scale() -> None:
    similarity = image_similarity([pose(0, side_px=200), pose(10, side_px=100)])
    assert similarity[0, 1] == pytest.approx(np.exp(-0.5))


def test_boxes_decide_where_few_joints_are_shared() -> None:
    similarity = image_similarity([pose(0, valid=2), pose(50)])
    assert similarity[0, 1] == pytest.approx(50 / 150)


def test_duplicate_with_the_lower_score_is_dropped() -> None:
    far = pose(300, 0.5)
    best = pose(2, 0.9)
    assert drop_duplicates([pose(0, 0.6), far, best], 0.7) == (far, best)


def test_neighbors_are_no_duplicates() -> None:
    both = (pose(0), pose(30))
    assert drop_duplicates(both, 0.7) == both
    assert drop_duplicates((), 0.7) == ()


def test_share_on_limbs_by_hand() -> None:
    """Joints along a diagonal of a body 100 px large lie on its limbs up to 10 px beside it."""
    body, near, far = pose(0.0), pose(12.0), pose(16.0)  # 8.5 and 11.3 px from the diagonal
    half = replace(far, joints_img_px=np.where(np.arange(16)[:, None] < 12, np.nan, near.joints_img_px))
    unknown = replace(far, joints_img_px=np.full((16, 2), np.nan))
    shares = shares_on_limbs([body, near, far, half, unknown])
    assert shares[:, 0].tolist() == pytest.approx([0.0, 15 / 16, 0.0, 0.75, 0.0])
    assert shares[:, 4].tolist() == [0.0] * 5
