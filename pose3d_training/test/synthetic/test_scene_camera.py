"""The rendered scenes' camera."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.geometry import Camera
from pose3d_training.synthetic.scene_camera import GroupCamera, view_at

K = np.array([[500.0, 0, 319.5], [0, 500.0, 239.5], [0, 0, 1]])


def test_level_camera_projects_ahead_to_the_principal_point() -> None:
    view = view_at(K, 640, 480, 1.5, 0.0, 0.0)
    cam = view.to_cam(np.array([[0.0, 1.5, -4.0], [1.0, 1.0, -4.0]]))
    np.testing.assert_allclose(cam, np.array([[0, 0, 4], [1, 0.5, 4]]), atol=1e-12)
    np.testing.assert_allclose(view.project(cam), [[319.5, 239.5], [319.5 + 125, 239.5 + 62.5]])


def test_positive_pitch_is_downward() -> None:
    view = view_at(K, 640, 480, 1.0, np.deg2rad(45.0), 0.0)
    np.testing.assert_allclose(view.to_cam(np.array([[0.0, 0.0, -1.0]])), [[0, 0, np.sqrt(2)]], atol=1e-12)


def test_roll_rotates_the_image_about_its_center() -> None:
    view = view_at(K, 640, 480, 0.0, 0.0, np.deg2rad(90.0))
    seen = view.project(view.to_cam(np.array([[1.0, 0.0, -1.0]])))[0] - [319.5, 239.5]
    assert np.abs(seen).tolist() == pytest.approx([0, 500], abs=1e-9)


def test_view_crop_shifts_pixels() -> None:
    view = view_at(K, 640, 480, 1.0, 0.1, 0.0)
    part = view.crop(100, -20, 50, 60)
    points = np.array([[0.2, -0.3, 3.0]])
    np.testing.assert_allclose(part.project(points), view.project(points) - [100, -20])
    assert (part.width_px, part.height_px) == (50, 60)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_view_agrees_with_camera(seed: int) -> None:
    rng = np.random.default_rng(seed)
    view = GroupCamera.random(rng).view
    cam = rng.uniform([-2, -2, 1], [2, 2, 9], (5, 3))
    camera = Camera(view.K, view.width_px, view.height_px)
    np.testing.assert_allclose(view.project(cam), camera.project(cam), atol=1e-9)
    world = cam @ view.cam2world[:3, :3].T + view.cam2world[:3, 3]
    np.testing.assert_allclose(view.to_cam(world), cam, atol=1e-12)
    assert np.linalg.det(view.cam2world[:3, :3]) == pytest.approx(1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_random_cameras_are_in_the_range_of_robots(seed: int) -> None:
    camera = GroupCamera.random(np.random.default_rng(seed))
    assert 0.3 <= camera.height_m <= 2.5
    assert abs(camera.pitch_rad) <= np.deg2rad(35) + 1e-9
    assert camera.view.cam2world[1, 3] == camera.height_m
