"""Distances and covariances."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.geometry.uncertainty import ray_covariance_m2, ray_sigma_m


def test_uncertainty_lies_along_the_ray() -> None:
    covariance = ray_covariance_m2(np.array([0.0, 3.0, 4.0]), 0.5)
    assert covariance is not None
    expected = np.array([[0.0, 0.0, 0.0], [0.0, 0.09, 0.12], [0.0, 0.12, 0.16]])
    np.testing.assert_allclose(covariance, expected)


def test_the_deviation_comes_back() -> None:
    point = np.array([0.4, -0.7, 5.0])
    covariance = ray_covariance_m2(point, 0.3)
    assert covariance is not None
    assert ray_sigma_m(point, covariance) == pytest.approx(0.3)
    assert ray_sigma_m(point, np.eye(3) * 4.0) == pytest.approx(2.0)


def test_nothing_is_known_of_a_point_without_a_deviation_or_a_direction() -> None:
    assert ray_covariance_m2(np.array([0.0, 0.0, 3.0]), np.nan) is None
    assert ray_covariance_m2(np.zeros(3), 0.1) is None
    assert np.isnan(ray_sigma_m(np.zeros(3), np.eye(3)))
