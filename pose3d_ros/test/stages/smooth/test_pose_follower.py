from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.stages.smooth.pose_follower import FOLLOWING_FRAMES, FOLLOWING_S, Followed, follow
from pose3d_ros.types import Array

NEVER = np.zeros((1, 1), dtype=bool)


def at(position: float, velocity: float = 0.0) -> Followed:
    return Followed(np.full((1, 1, 3), position), np.full((1, 1, 3), velocity))


def run(targets: Array, dt_s: Array) -> Array:
    """Positions (T,) of a joint that moves along one axis."""
    state, out = at(float(targets[0])), [float(targets[0])]
    for target, dt in zip(targets[1:], dt_s[1:], strict=True):
        state = follow(state, np.full((1, 1, 3), target), np.array([dt]), NEVER)
        out.append(float(state.relative_m[0, 0, 0]))
    return np.array(out)


@pytest.mark.parametrize(("dt_s", "kept"), [(FOLLOWING_S, np.exp(-1)), (0.01, np.exp(-1 / FOLLOWING_FRAMES))])
def test_one_step_by_hand(dt_s: float, kept: float) -> None:
    """The gain is 1 - kept², the push of the velocity (1 - kept)²/dt."""
    after = follow(at(1.0, 0.5), np.full((1, 1, 3), 2.0), np.array([dt_s]), NEVER)
    error = 2.0 - (1.0 + 0.5 * dt_s)
    assert after.relative_m[0, 0, 0] == pytest.approx(1.0 + 0.5 * dt_s + (1 - kept**2) * error)
    assert after.velocity_mps[0, 0, 0] == pytest.approx(0.5 + (1 - kept) ** 2 * error / dt_s)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 99))
def test_constant_velocity_is_followed_without_lag_at_irregular_times(seed: int) -> None:
    dt_s = np.random.default_rng(seed).uniform(0.02, 0.1, 120)
    targets = 0.7 * np.cumsum(dt_s)
    np.testing.assert_allclose(run(targets, dt_s)[80:], targets[80:], atol=2e-3)


def test_quick_errors_are_damped_and_slow_motion_is_not() -> None:
    dt_s = np.full(200, 1 / 30)
    quick, slow = np.sin(2 * np.pi * 10 * np.cumsum(dt_s)), np.sin(2 * np.pi * 0.2 * np.cumsum(dt_s))
    assert np.abs(run(quick, dt_s)[100:]).max() < 0.5
    np.testing.assert_allclose(run(slow, dt_s)[100:], slow[100:], atol=0.1)


def test_joints_that_jump_start_afresh_and_others_do_not() -> None:
    before = Followed(np.zeros((2, 2, 3)), np.ones((2, 2, 3)))
    restart = np.array([[True, False], [False, False]])
    after = follow(before, np.full((2, 2, 3), 0.4), np.array([0.05, 0.05]), restart)
    np.testing.assert_array_equal(after.relative_m[0, 0], [0.4] * 3)
    np.testing.assert_array_equal(after.velocity_mps[0, 0], [0.0] * 3)
    np.testing.assert_array_equal(after.relative_m[0, 1], after.relative_m[1, 1])
    assert 0.05 < after.relative_m[1, 1, 0] < 0.4
