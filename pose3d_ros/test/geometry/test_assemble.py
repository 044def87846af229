"""Assembly in camera space and the scale of RootNet's depth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.geometry import Camera, assemble
from pose3d_ros.geometry.assemble import moon_k_m

K = np.array([[500.0, 0.0, 320.0], [0.0, 500.0, 240.0], [0.0, 0.0, 1.0]])
CAMERA = Camera(K, 640, 480)


@pytest.mark.parametrize("distortion", [[], [-0.3, 0.1, 0.001, -0.001, 0.0]])
def test_projected_joints_are_recovered(distortion: list[float]) -> None:
    camera = Camera(K, 640, 480, np.array(distortion), "plumb_bob")
    joints_cam_m = np.random.default_rng(1).uniform([-1, -1, 3], [1, 1, 5], (3, 17, 3))
    pixels = camera.project(joints_cam_m)
    root_depth_m = joints_cam_m[:, 4, 2]
    relative_m = joints_cam_m[..., 2] - root_depth_m[:, None]
    root, joints = assemble(camera, pixels, relative_m, root_depth_m, 4)
    np.testing.assert_allclose(joints, joints_cam_m, atol=1e-9)
    np.testing.assert_allclose(root, joints_cam_m[:, 4], atol=1e-9)


def test_by_hand() -> None:
    root, joints = assemble(CAMERA, [[[320.0, 240.0], [420.0, 140.0]]], [[0.0, 0.5]], [2.0], 0)
    np.testing.assert_allclose(root, [[0.0, 0.0, 2.0]])
    np.testing.assert_allclose(joints, [[[0.0, 0.0, 2.0], [0.5, -0.5, 2.5]]])


def test_joint_behind_the_camera_or_without_a_pixel_is_nan() -> None:
    pixels = [[[320.0, 240.0], [300.0, 200.0], [np.nan, np.nan], [310.0, 250.0]]]
    root, joints = assemble(CAMERA, pixels, [[0.0, -1.0, 0.0, 0.1]], [0.5], 0)
    assert np.isfinite(root).all()
    np.testing.assert_array_equal(np.isnan(joints[0]).all(axis=-1), [False, True, True, False])


def test_root_without_depth_is_nan() -> None:
    root, joints = assemble(CAMERA, np.full((2, 1, 2), 100.0), np.zeros((2, 1)), [np.nan, -1.0], 0)
    assert np.isnan(root).all()
    assert np.isnan(joints).all()


def test_no_people() -> None:
    root, joints = assemble(CAMERA, np.zeros((0, 21, 2)), np.zeros((0, 21)), np.zeros(0), 14)
    assert root.shape == (0, 3)
    assert joints.shape == (0, 21, 3)


@pytest.mark.parametrize(
    ("joints", "relative", "depth", "root_index"),
    [
        ((2, 17, 2), (2, 16), (2,), 0),
        ((2, 17, 3), (2, 17), (2,), 0),
        ((2, 17, 2), (2, 17), (3,), 0),
        ((2, 17, 2), (2, 17), (2,), 17),
        ((17, 2), (17,), (), 0),
    ],
)
def test_mismatched_shapes_are_an_error(joints: Any, relative: Any, depth: Any, root_index: int) -> None:
    with pytest.raises(InputError, match="joints, relative depth"):
        assemble(CAMERA, np.ones(joints), np.ones(relative), np.ones(depth), root_index)


def test_moon_k_by_hand() -> None:
    # The official code in millimetres: sqrt(2000 * 2000 * 1500 * 1500 / (250 * 250)) = 12000.
    np.testing.assert_allclose(moon_k_m([[100, 100, 350, 350], [0, 0, 500, 500]], 1500.0, 1500.0), [12.0, 6.0])
    # A 2 m square at k fills the box: f * 2 / k = side.
    assert 700.0 * 2.0 / moon_k_m([0, 0, 140, 140], 700.0, 700.0) == pytest.approx(140.0)
    assert moon_k_m(np.zeros((0, 4)), 500.0, 500.0).shape == (0,)
    with pytest.raises(InputError, match="x1 > x0"):
        moon_k_m([[10, 10, 10, 20]], 500.0, 500.0)
    with pytest.raises(InputError, match=r"\(N, 4\)"):
        moon_k_m([10, 10], 500.0, 500.0)
