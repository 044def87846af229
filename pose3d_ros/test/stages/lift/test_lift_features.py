"""What a lifter reads: VideoPose3D's own coordinates, and coordinates that only the person's shape changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.errors import InputError
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.rays import rotation_to_rays
from pose3d_ros.stages.lift.lift_features import HUMAN36M_FOCAL, person_features, screen_features
from pose3d_ros.types import Array

SQUARE = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
CONFIDENT = np.ones((1, 4))


SEEDS, DISTANCES_M = st.integers(0, 2**32 - 1), st.floats(3.0, 12.0)


def random_person(seed: int) -> tuple[Array, Array]:
    """Joints (J, 3) about the origin, and two directions ahead of the camera (2, 3)."""
    rng = np.random.default_rng(seed)
    shape_m = rng.uniform(-0.9, 0.9, (rng.integers(3, 22), 3))
    shape_m[0, 0] += 1.0  # never all in one place
    return shape_m, np.append(rng.uniform(-0.8, 0.8, (2, 2)), np.ones((2, 1)), axis=1)


def on_plane(points: Array) -> Array:
    return np.asarray(points[..., :2] / points[..., 2:])[None]


def mean_ray(points: Array) -> Array:
    return np.asarray((points / np.linalg.norm(points, axis=-1, keepdims=True)).mean(axis=0))


def test_screen_is_videopose3d_for_a_human36m_camera() -> None:
    # VideoPose3D: x / w * 2 - [1, h / w], with x from the image's left edge. Its Human3.6M cameras are 1000 wide and
    # have a focal length of about 1145; the middle of the image is pixel 499.5 where pixels are their centers.
    camera = Camera(np.array([[1145.0, 0, 499.5], [0, 1145.0, 499.5], [0, 0, 1]]), 1000, 1000)
    pixels = np.array([[[0.0, 0.0], [999.0, 250.0], [499.5, 499.5], [120.0, 870.0]]])
    expected = (pixels + 0.5) / 1000 * 2 - 1
    features = screen_features(camera.rays(pixels)[..., :2], CONFIDENT)
    assert features.dtype == np.float32
    assert HUMAN36M_FOCAL == 2 * 1145 / 1000
    np.testing.assert_allclose(features, expected, atol=1e-6)


def test_screen_by_hand_with_and_without_scores() -> None:
    keypoints = np.array([[[0.5, -0.25], [np.nan, 0.1], [0.2, 0.3]]])
    scores = np.array([[0.9, 0.8, 0.0]])
    with_scores = screen_features(keypoints, scores, 2.0, True)
    np.testing.assert_allclose(with_scores, np.array([[[1.0, -0.5, 0.9], [0, 0, 0], [0, 0, 0]]]), rtol=1e-6)
    plain = screen_features(keypoints, scores, 2.0, False)
    np.testing.assert_allclose(plain, np.array([[[1.0, -0.5], [np.nan] * 2, [np.nan] * 2]]))


def test_person_by_hand() -> None:
    # A square straight ahead: its mean is the axis, and its corners lie the square root of 2 from it.
    features, cam_from_person = person_features(0.1 * SQUARE[None], CONFIDENT * 0.7)
    corner = np.sqrt(0.5)
    np.testing.assert_allclose(features[0, :, :2], SQUARE * corner, atol=1e-6)
    np.testing.assert_allclose(features[0, :, 2], 0.7, rtol=1e-6)
    np.testing.assert_allclose(cam_from_person, np.eye(3)[None], atol=1e-12)


@settings(deadline=None)
@given(SEEDS, DISTANCES_M)
def test_person_of_any_view_is_centered_and_as_large_as_any_other(seed: int, distance_m: float) -> None:
    shape_m, (ray, _) = random_person(seed)
    points = shape_m + ray * distance_m
    features, cam_from_person = person_features(on_plane(points), np.ones((1, len(points))))
    np.testing.assert_allclose(features[0, :, :2].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose((features[0, :, :2] ** 2).sum(axis=1).mean(), 1, atol=1e-4)
    np.testing.assert_allclose(cam_from_person, rotation_to_rays(mean_ray(points)[None]), atol=1e-9)


@settings(deadline=None)
@given(SEEDS, DISTANCES_M)
def test_turning_the_camera_about_itself_changes_nothing_but_the_rotation(seed: int, distance_m: float) -> None:
    shape_m, rays = random_person(seed)
    points = shape_m + np.array([0, 0, distance_m])
    ahead, rotations = rotation_to_rays(mean_ray(points)[None])[0], rotation_to_rays(rays)
    views = np.stack([points @ ahead @ rotation.T for rotation in rotations])
    features, cam_from_person = person_features(views[..., :2] / views[..., 2:], np.ones(views.shape[:2]))
    np.testing.assert_allclose(features[0], features[1], atol=1e-4)
    np.testing.assert_allclose(cam_from_person, rotations, atol=1e-9)


@settings(deadline=None)
@given(SEEDS, DISTANCES_M)
def test_unknown_joint_is_zeros_and_changes_no_other(seed: int, distance_m: float) -> None:
    shape_m, (ray, _) = random_person(seed)
    keypoints = on_plane(shape_m + ray * distance_m)
    scores = np.full(keypoints.shape[:2], 0.5)
    alone, rotation = person_features(keypoints, scores)
    more = np.concatenate([keypoints, [[[np.nan, 0.1], [0.3, 0.4]]]], axis=1)
    features, same = person_features(more, np.concatenate([scores, [[0.9, 0.0]]], axis=1))
    np.testing.assert_array_equal(features[:, -2:], 0)
    np.testing.assert_allclose(features[:, :-2], alone, atol=1e-6)
    np.testing.assert_allclose(same, rotation, atol=1e-12)


@pytest.mark.parametrize(
    "keypoints", [np.full((1, 4, 2), 0.3), np.where(np.arange(8).reshape(1, 4, 2) < 2, 0.3, np.nan)]
)
def test_person_without_a_shape_is_zeros(keypoints: Array) -> None:
    features, cam_from_person = person_features(keypoints, CONFIDENT)
    np.testing.assert_array_equal(features, 0)
    np.testing.assert_array_equal(cam_from_person, np.eye(3)[None])


def test_joint_at_a_right_angle_is_unknown() -> None:
    # Twenty joints ahead and one nearly 90 degrees to the side: x/z in the person's frame would be huge.
    keypoints = np.concatenate([0.1 * SQUARE.repeat(5, axis=0), [[1e6, 0.0]]])[None]
    features, _ = person_features(keypoints, np.ones((1, 21)))
    np.testing.assert_array_equal(features[0, 20], 0)
    np.testing.assert_allclose((features[0, :20, :2] ** 2).sum(axis=1).mean(), 1, atol=1e-4)


def test_no_people() -> None:
    features, cam_from_person = person_features(np.zeros((0, 17, 2)), np.zeros((0, 17)))
    assert features.shape == (0, 17, 3)
    assert cam_from_person.shape == (0, 3, 3)
    assert screen_features(np.zeros((0, 17, 2)), np.zeros((0, 17)), with_scores=True).shape == (0, 17, 3)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(N, J, 2\) and \(N, J\).*\(1, 4, 2\) and \(1, 5\)"):
        person_features(np.zeros((1, 4, 2)), np.zeros((1, 5)))
    with pytest.raises(InputError, match="2D joints"):
        screen_features(np.zeros((4, 2)), np.zeros(4))
