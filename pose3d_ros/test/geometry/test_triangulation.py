"""Triangulation: exact rays, noise as the covariance says, missing and parallel rays, fusion by information."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.triangulation import combine, ray_information, triangulate

CENTERS_M = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [2.0, 3.0, 0.0]])


def rays_to(points_m: np.ndarray, centers_m: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(points_m[None] - centers_m[:, None])


def test_exact_rays_meet_in_the_point() -> None:
    points = np.array([[1.0, 0.5, 4.0], [-2.0, 0.0, 9.0]])
    found = triangulate(CENTERS_M, rays_to(points, CENTERS_M), 0.01)
    np.testing.assert_allclose(found.points_m, points, atol=1e-9)
    np.testing.assert_allclose(found.residuals_rad, 0.0, atol=1e-7)


def test_covariance_of_two_rays_by_hand() -> None:
    """Two cameras 5 m away whose rays cross at right angles: 5 cm along either, 5 / sqrt(2) cm up and down."""
    centers = np.array([[-5.0, 0.0, 0.0], [0.0, 0.0, -5.0]])
    found = triangulate(centers, rays_to(np.zeros((1, 3)), centers), 0.01)
    np.testing.assert_allclose(found.covariances_m2[0], np.diag([0.05**2, 0.05**2 / 2, 0.05**2]), rtol=1e-6, atol=1e-12)


def test_errors_are_as_large_as_the_covariance_says() -> None:
    rng = np.random.default_rng(3)
    point, sigma = np.array([1.0, 0.3, 5.0]), 0.004
    rays = np.repeat(rays_to(point[None], CENTERS_M), 4000, axis=1)
    ranges = np.linalg.norm(rays, axis=-1, keepdims=True)
    found = triangulate(CENTERS_M, rays + ranges * rng.normal(0.0, sigma, rays.shape), sigma)
    errors = found.points_m - point
    np.testing.assert_allclose(errors.T @ errors / len(errors), found.covariances_m2.mean(axis=0), rtol=0.12, atol=4e-6)


def test_nearer_and_surer_rays_count_more() -> None:
    rays = rays_to(np.array([[2.0, 0.0, 4.0]]), CENTERS_M)
    rays[2, 0, 0] += 0.2  # the third camera is wrong
    apart = [triangulate(CENTERS_M, rays, np.array([[0.01], [0.01], [s]])).points_m[0, 0] - 2.0 for s in (0.01, 0.1)]
    assert abs(apart[1]) < 0.05 * abs(apart[0])


def test_points_without_two_rays_or_behind_a_camera_are_nan() -> None:
    rays = rays_to(np.tile([1.0, 0.5, 4.0], (3, 1)), CENTERS_M[:2])
    rays[1, 0] = np.nan
    rays[:, 1] *= -1.0
    found = triangulate(CENTERS_M[:2], rays, 0.01)
    assert np.isnan(found.points_m).all(axis=1).tolist() == [True, True, False]
    assert np.isnan(found.residuals_rad).all(axis=0).tolist() == [True, True, False]


def test_parallel_rays_have_no_point() -> None:
    found = triangulate(CENTERS_M[:2], np.tile([0.0, 0.0, 1.0], (2, 1, 1)), 0.01)
    assert np.isnan(found.points_m).all()


def test_each_ray_may_have_its_own_center() -> None:
    centers = np.tile(CENTERS_M[:2, None], (1, 2, 1))
    centers[1, 1, 0] = 6.0
    points = np.array([[1.0, 0.5, 4.0], [1.0, 0.5, 4.0]])
    np.testing.assert_allclose(triangulate(centers, points - centers, 0.01).points_m, points, atol=1e-9)


@pytest.mark.parametrize("origins", [np.zeros((3, 3)), np.zeros(3)])
def test_shapes_that_do_not_fit(origins: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match="one row for each camera"):
        triangulate(origins, np.ones((2, 1, 3)), 0.01)


def test_fusion_of_two_measured_distances_is_the_weighted_mean() -> None:
    ray = np.array([[[0.0, 0.0, 1.0]], [[0.0, 0.0, 1.0]]])
    points = np.array([[[0.0, 0.0, 4.0]], [[0.0, 0.0, 4.3]]])
    information = ray_information(ray, points[..., 2], np.full((2, 1), 0.01), np.array([[0.1], [0.2]]))
    fused, covariance = combine(points, information)
    assert fused[0, 2] == pytest.approx(4.06)
    assert covariance[0, 2, 2] == pytest.approx(0.008)


def test_a_ray_alone_fixes_no_point() -> None:
    information = ray_information(
        np.array([[[0.0, 0.0, 1.0]]]), np.ones((1, 1)), np.full((1, 1), 0.01), np.array([[np.inf]])
    )
    assert np.isnan(combine(np.ones((1, 1, 3)), information)[0]).all()
    unknown = ray_information(np.full((1, 1, 3), np.nan), np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1)))
    assert (unknown == 0).all()
