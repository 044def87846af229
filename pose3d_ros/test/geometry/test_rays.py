"""Turns towards viewing rays, and uncertainty along them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.rays import ray_covariance_m2, ray_sigma_m, rotation_to_rays


def test_uncertainty_lies_along_the_ray() -> None:
    covariance = ray_covariance_m2(np.array([0.0, 3.0, 4.0]), 0.5)
    assert covariance is not None
    expected = np.array([[0.0, 0.0, 0.0], [0.0, 0.09, 0.12], [0.0, 0.12, 0.16]])
    np.testing.assert_allclose(covariance, expected)


def test_ray_sigma_is_recovered_from_the_covariance() -> None:
    point = np.array([0.4, -0.7, 5.0])
    covariance = ray_covariance_m2(point, 0.3)
    assert covariance is not None
    assert ray_sigma_m(point, covariance) == pytest.approx(0.3)
    assert ray_sigma_m(point, np.eye(3) * 4.0) == pytest.approx(2.0)


def test_covariance_without_sigma_or_direction_is_unknown() -> None:
    assert ray_covariance_m2(np.array([0.0, 0.0, 3.0]), np.nan) is None
    assert ray_covariance_m2(np.zeros(3), 0.1) is None
    assert np.isnan(ray_sigma_m(np.zeros(3), np.eye(3)))


def test_rotations_turn_ahead_onto_rays() -> None:
    # 45 degrees to the right about the y axis, by hand; straight ahead nothing turns.
    half = np.sqrt(0.5)
    rotations = rotation_to_rays([[2.0, 0, 2.0], [0, 0, 5.0], [0.3, -0.4, 1.0], [np.nan, 0, 1]])
    np.testing.assert_allclose(rotations[0], [[half, 0, half], [0, 1, 0], [-half, 0, half]], atol=1e-12)
    np.testing.assert_allclose(rotations[1], np.eye(3), atol=1e-15)
    np.testing.assert_allclose(rotations[2] @ rotations[2].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotations[2]) == pytest.approx(1.0)
    np.testing.assert_allclose(rotations[2][:, 2], np.array([0.3, -0.4, 1]) / np.sqrt(1.25), atol=1e-12)
    np.testing.assert_allclose(rotations[2] @ [0.4, 0.3, 0], [0.4, 0.3, 0], atol=1e-12)  # the axis stays
    assert np.isnan(rotations[3]).any()


@pytest.mark.parametrize("rays", [np.zeros(3), np.zeros((2, 2)), np.array([[0.0, 0.0, -1.0]]), 1.0])
def test_rays_that_do_not_point_ahead_are_errors(rays: Any) -> None:
    with pytest.raises(InputError, match="rays: expected"):
        rotation_to_rays(rays)
