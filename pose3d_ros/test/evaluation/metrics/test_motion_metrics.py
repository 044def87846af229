from __future__ import annotations

import math

import numpy as np
import pytest

from pose3d_ros.evaluation.metrics.motion_metrics import foot_skating_mmps, lag_frames
from pose3d_ros.types import Array

TIME = np.arange(80.0)
MOVING = np.stack([np.sin(TIME / 6), np.cos(TIME / 9), 0.1 * TIME], axis=-1)[:, None].repeat(4, axis=1)
UP = np.array([0.0, -1.0, 0.0])
STAMPS = (TIME * 1e8).astype(np.int64)


def delayed(delay: float) -> Array:
    at = TIME - delay
    return np.stack([np.sin(at / 6), np.cos(at / 9), 0.1 * at], axis=-1)[:, None].repeat(4, axis=1)


@pytest.mark.parametrize("delay", [0.0, 1.0, 2.5, -1.3])
def test_lag_is_the_delay_of_a_delayed_track_whatever_lasts(delay: float) -> None:
    lasting = np.random.default_rng(0).normal(size=(4, 3))
    assert lag_frames(delayed(delay) + lasting, MOVING) == pytest.approx(delay, abs=0.051)


def test_lag_does_without_joints_that_are_missing() -> None:
    found = delayed(2.0)
    found[20:40, 1] = np.nan
    assert lag_frames(found, MOVING) == pytest.approx(2.0, abs=0.1)


def test_short_tracks_and_those_at_rest_have_no_lag() -> None:
    assert math.isnan(lag_frames(MOVING[:20], MOVING[:20]))
    assert math.isnan(lag_frames(MOVING, np.zeros_like(MOVING)))


def test_skating_is_the_horizontal_speed_of_feet_that_stand() -> None:
    """Three steps of 0.1 s: the first foot stands in the first two, and slides by 3 and 4 mm; the second walks."""
    true = np.zeros((4, 2, 3))
    true[3, 0, 0], true[:, 1, 0] = 0.5, [0.0, 0.1, 0.2, 0.3]
    found = true.copy()
    found[1:, 0, 0] += 0.003
    found[2:, 0, 2] += 0.004
    found[1:, 0, 1] += 0.5  # upwards
    np.testing.assert_allclose(foot_skating_mmps(found, true, UP, STAMPS[:4]), [30.0, 40.0])


def test_missing_feet_do_not_count() -> None:
    found = np.full((3, 1, 3), np.nan)
    assert foot_skating_mmps(found, np.zeros((3, 1, 3)), UP, STAMPS[:3]).size == 0
