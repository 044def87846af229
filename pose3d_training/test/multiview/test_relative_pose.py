"""Relative poses of two cameras."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_training.multiview.relative_pose import (
    essential_of,
    midpoints,
    moved,
    ray_angles_deg,
    relative_pose,
    sampson_errors,
)

from .walkers import TWO, errors_deg, keypoints, walker

TRUE = TWO[1].after(TWO[0].inverse())
SIDE = RigidTransform(np.eye(3), np.array([-1.0, 0.0, 0.0]))
"""The second camera 1 to the right of the first."""


def test_essential_of_a_camera_to_the_right() -> None:
    assert essential_of(SIDE) == pytest.approx(np.array([[0, 0, 0], [0, 0, 1], [0, -1, 0]]))


def test_sampson_error_of_a_vertical_shift() -> None:
    """Epipolar lines are rows: a pair 0.02 apart is 0.02 / sqrt(2) from the nearest pair that fits."""
    off = sampson_errors(essential_of(SIDE), np.array([[0.1, 0.0]]), np.array([[-0.2, 0.02]]))
    assert off == pytest.approx([0.02 / np.sqrt(2)])


def test_midpoint_and_angle_of_a_point_ahead() -> None:
    point = np.array([[0.5, 0.0, 2.0]])
    first, second = np.array([[0.25, 0.0]]), np.array([[-0.25, 0.0]])
    assert midpoints(SIDE, first, second) == pytest.approx(point)
    assert ray_angles_deg(SIDE, first, second) == pytest.approx([2 * np.rad2deg(np.arctan(0.25))])


@settings(max_examples=15, deadline=None)
@given(st.tuples(*[st.floats(-0.6, 0.6)] * 3), st.tuples(*[st.floats(-1, 1)] * 3), st.integers(0, 1000))
def test_any_pose_is_found_again(turn: tuple[float, ...], step: tuple[float, ...], seed: int) -> None:
    move = np.array(step) * [1, 1, 0.3]  # ahead alone, rays would meet at less than 3 degrees
    if np.linalg.norm(move[:2]) < 0.6:
        move = np.array([1.0, 0.0, 0.0])
    true = RigidTransform(Rotation.from_rotvec(turn).as_matrix(), move)
    points = np.random.default_rng(seed).uniform([-1.5, -1.5, 4], [1.5, 1.5, 8], (200, 3))
    other = true.apply(points)
    found = relative_pose(points[:, :2] / points[:, 2:], other[:, :2] / other[:, 2:], 0.002)
    assert max(errors_deg(found.first2second, true)) < 0.05
    assert found.inliers.all()


def test_three_in_ten_outliers() -> None:
    world = walker()
    first, second = (keypoints(world, one, 0.001, 0.163, seed).reshape(-1, 2) for seed, one in enumerate(TWO))
    found = relative_pose(first, second, 0.005)
    assert max(errors_deg(found.first2second, TRUE)) < 0.5
    assert np.linalg.norm(found.first2second.translation_m) == pytest.approx(1.0)
    assert 0.6 < found.inliers.mean() < 0.85


def test_moved_keeps_the_length() -> None:
    after = moved(SIDE, np.array([0.1, 0.0, 0.0, 0.3, -0.2]))
    assert np.linalg.norm(after.translation_m) == pytest.approx(1.0)
    assert after.rotation == pytest.approx(Rotation.from_rotvec([0.1, 0, 0]).as_matrix())


def test_refuses_few_points() -> None:
    with pytest.raises(InputError, match="60 matched joints, got 10"):
        relative_pose(np.zeros((10, 2)), np.zeros((10, 2)), 0.01)


def test_refuses_points_without_relation() -> None:
    first, second = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 400, 2))
    with pytest.raises(InputError, match=r"pose of the cameras: .*Record|--offset"):
        relative_pose(first, second, 0.002)


def test_refuses_a_plane() -> None:
    points = np.random.default_rng(2).uniform([-1.5, -1, 0], [1.5, 1, 0], (300, 3)) + [0, 0, 5]
    points[:, 2] += 0.3 * points[:, 0]
    other = TRUE.apply(points)
    with pytest.raises(InputError, match=r"on one plane|before both"):
        relative_pose(points[:, :2] / points[:, 2:], other[:, :2] / other[:, 2:], 0.003)


def test_refuses_cameras_at_one_place() -> None:
    world = walker()
    near = RigidTransform(TWO[0].rotation, TWO[0].translation_m + [0.05, 0.0, 0.0])
    first, second = (keypoints(world, one, 0.0005, seed=s).reshape(-1, 2) for s, one in enumerate((TWO[0], near)))
    with pytest.raises(InputError, match=r"farther apart|before both|on one plane"):
        relative_pose(first, second, 0.004)
