from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.stages.track import kalman


def test_constant_velocity_by_hand() -> None:
    mean = np.array([[1.0, 2, 3, 0.5, 0, -1]])
    moved, _ = kalman.predict(mean, np.eye(6)[None], 2.0, np.array([np.inf]), 1.0)
    np.testing.assert_allclose(moved, [[2, 2, 1, 0.5, 0, -1]])


def test_decaying_velocity_stops() -> None:
    mean = np.array([[0.0, 0, 0, 1, 0, 0]])
    moved, _ = kalman.predict(mean, np.eye(6)[None], 100.0, np.array([0.5]), 1.0)
    np.testing.assert_allclose(moved[0], [0.5, 0, 0, 0, 0, 0], atol=1e-12)


@settings(deadline=None)
@given(st.floats(0.01, 1.0), st.floats(0.01, 1.0), st.floats(0.2, 3.0))
def test_two_steps_are_one_long_one(a: float, b: float, decay: float) -> None:
    mean, cov = np.array([[0.0, 1, 2, 3, 4, 5]]), 0.3 * np.eye(6)[None]
    for tau in (np.array([np.inf]), np.array([decay])):
        twice = kalman.predict(*kalman.predict(mean, cov, a, tau, 1.0), b, tau, 1.0)
        once = kalman.predict(mean, cov, a + b, tau, 1.0)
        np.testing.assert_allclose(twice[0], once[0])
        if np.isinf(tau[0]):
            np.testing.assert_allclose(twice[1], once[1])


def test_noise_is_long_along_the_ray() -> None:
    (noise,) = kalman.ray_noise_m2(np.array([[3.0, 0, 4]]), np.array([0.5]), np.array([0.02]))
    ray, across = np.array([0.6, 0, 0.8]), np.array([0.8, 0, -0.6])
    assert ray @ noise @ ray == pytest.approx(0.25)
    assert across @ noise @ across == pytest.approx(0.0004)


def test_update_weighs_by_certainty() -> None:
    mean, cov = kalman.initial(np.zeros(3), np.eye(3), 1.0)
    after, spread = kalman.update(mean, cov, np.array([3.0, 0, 0]), 2 * np.eye(3))
    # Gain 1 / (1 + 2): a third of the way, and the variance 1 · 2 / 3.
    np.testing.assert_allclose(after[:3], [1, 0, 0])
    np.testing.assert_allclose(spread[:3, :3], 2 / 3 * np.eye(3), atol=1e-12)


def test_innovations_by_hand() -> None:
    mean = np.zeros((1, 6))
    squared, log_det = kalman.innovations(mean, np.eye(6)[None], np.array([[2.0, 0, 0]]), 3 * np.eye(3)[None])
    assert squared[0, 0] == pytest.approx(1.0)
    assert log_det[0, 0] == pytest.approx(np.log(64))
