from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.stages.track import kalman

ONE = np.ones(1)


def test_constant_velocity_by_hand() -> None:
    mean = np.array([[1.0, 2, 3, 0.5, 0, -1]])
    moved, _ = kalman.predict(mean, np.eye(6)[None], 2.0, np.array([np.inf]), ONE)
    np.testing.assert_allclose(moved, [[2, 2, 1, 0.5, 0, -1]])


def test_decaying_velocity_stops() -> None:
    mean = np.array([[0.0, 0, 0, 1, 0, 0]])
    moved, _ = kalman.predict(mean, np.eye(6)[None], 100.0, np.array([0.5]), ONE)
    np.testing.assert_allclose(moved[0], [0.5, 0, 0, 0, 0, 0], atol=1e-12)


@settings(deadline=None)
@given(st.floats(0.01, 1.0), st.floats(0.01, 1.0), st.floats(0.2, 3.0))
def test_two_steps_are_one_long_one(a: float, b: float, decay: float) -> None:
    mean, cov = np.array([[0.0, 1, 2, 3, 4, 5]]), 0.3 * np.eye(6)[None]
    for tau in (np.array([np.inf]), np.array([decay])):
        twice = kalman.predict(*kalman.predict(mean, cov, a, tau, ONE), b, tau, ONE)
        once = kalman.predict(mean, cov, a + b, tau, ONE)
        np.testing.assert_allclose(twice[0], once[0])
        if np.isinf(tau[0]):
            np.testing.assert_allclose(twice[1], once[1])


def test_noise_is_that_of_direction_and_of_ln_distance() -> None:
    (noise,) = kalman.ray_noise_m2(np.array([[3.0, 0, 4]]), np.array([0.004]), np.array([0.1]))
    ray, across = np.array([0.6, 0, 0.8]), np.array([0.8, 0, -0.6])
    assert ray @ noise @ ray == pytest.approx(0.25)
    assert across @ noise @ across == pytest.approx(0.0004)
    assert ray @ noise @ across == pytest.approx(0.0, abs=1e-12)


def test_point_is_seen_by_its_direction_and_ln_of_distance() -> None:
    position = np.array([0.0, 0, 2])
    np.testing.assert_allclose(kalman.seen_from(position, position), position)
    np.testing.assert_allclose(kalman.seen_from(position, np.array([0, 0, 2 * np.e])), [0, 0, 4])
    at_30_deg = 5.0 * np.array([0.5, 0, np.sqrt(0.75)])
    np.testing.assert_allclose(kalman.seen_from(position, at_30_deg), [np.pi / 3, 0, 2 + 2 * np.log(2.5)])


def test_update_weighs_by_certainty() -> None:
    mean, cov = kalman.initial(np.array([0.0, 0, 2]), 1.0, 1.0, 1.0)
    after, spread = kalman.update(mean, cov, np.array([0.0, 0, 2 * np.exp(0.3)]), np.sqrt(2.0), np.sqrt(2.0))
    # Gain 1 / (1 + 2): a third of the way, and the variance 1 · 2 / 3, each in units of the distance.
    np.testing.assert_allclose(after[:3], [0, 0, 2.2])
    np.testing.assert_allclose(spread[:3, :3], 4 * 2 / 3 * np.eye(3), atol=1e-12)


def test_innovations_by_hand() -> None:
    mean, point = np.array([[0.0, 0, 2, 0, 0, 0]]), np.array([[0.0, 0, 2 * np.e]])
    root3 = np.full(1, np.sqrt(3.0))
    squared, log_det = kalman.innovations(mean, 4 * np.eye(6)[None], point, root3, root3)
    # Along the ray 2 m off, with a variance of 2² · (1 + 3); the determinant is 16³ m⁶, over the distance's square.
    assert squared[0, 0] == pytest.approx(4 / 16)
    assert log_det[0, 0] == pytest.approx(np.log(16**3 / 4))


def test_filters_turn_with_the_camera() -> None:
    turn = RigidTransform(np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]]), np.array([0.0, 0, 1]))
    covariance = np.diag([1.0, 2, 3, 4, 5, 6])[None]
    means, covariances = kalman.turned(np.array([[1.0, 2, 3, 4, 5, 6]]), covariance, turn)
    np.testing.assert_allclose(means, [[-3, 2, 2, -6, 5, 4]])
    np.testing.assert_allclose(covariances[0], np.diag([3.0, 2, 1, 6, 5, 4]), atol=1e-12)
