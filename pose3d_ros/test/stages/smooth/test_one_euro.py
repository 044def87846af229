from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.stages.smooth.one_euro import OneEuroFilter, OneEuroSettings

DT_S = 0.1


def test_two_steps_by_hand() -> None:
    """With a cutoff of 1 / (2π 0.1) Hz the time constant is 0.1 s, so that half of a new value is taken."""
    half = 1 / (2 * np.pi * DT_S)
    one_euro = OneEuroFilter(OneEuroSettings(half, 0.0, half))
    assert one_euro(np.array([[1.0, 0, 0]]), 0.0).tolist() == [[1.0, 0, 0]]
    np.testing.assert_allclose(one_euro(np.array([[2.0, 0, 0]]), DT_S), [[1.5, 0, 0]])
    np.testing.assert_allclose(one_euro(np.array([[2.0, 0, 0]]), DT_S), [[1.75, 0, 0]])


def test_speed_raises_the_cutoff() -> None:
    """A step of 1 m in 0.1 s at half its speed is 5 m/s: with β = 1 / (2π 0.1) / 5 the cutoff is twice that above."""
    half = 1 / (2 * np.pi * DT_S)
    one_euro = OneEuroFilter(OneEuroSettings(half, half / 5, half))
    one_euro(np.array([[1.0, 0, 0]]), 0.0)
    np.testing.assert_allclose(one_euro(np.array([[2.0, 0, 0]]), DT_S), [[1 + 2 / 3, 0, 0]])


def test_points_are_filtered_each_by_itself() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(20, 5, 3))
    together, alone = OneEuroFilter(OneEuroSettings(1.0, 2.0)), OneEuroFilter(OneEuroSettings(1.0, 2.0))
    for frame in points:
        np.testing.assert_allclose(together(frame, DT_S)[2], alone(frame[2:3], DT_S)[0])


def test_missing_point_stays_missing_and_goes_on_from_its_past() -> None:
    half = 1 / (2 * np.pi * DT_S)
    one_euro = OneEuroFilter(OneEuroSettings(half, 0.0, half))
    one_euro(np.array([[1.0, 0, 0], [np.nan] * 3]), 0.0)
    assert np.isnan(one_euro(np.full((2, 3), np.nan), DT_S)).all()
    np.testing.assert_allclose(one_euro(np.array([[2.0, 0, 0], [5.0, 0, 0]]), DT_S), [[1.5, 0, 0], [5.0, 0, 0]])


@pytest.mark.parametrize("dt_s", [0.0, -0.1])
def test_frames_at_one_time_give_finite_points(dt_s: float) -> None:
    one_euro = OneEuroFilter(OneEuroSettings(1.0, 1.0))
    one_euro(np.zeros((1, 3)), 0.0)
    assert np.isfinite(one_euro(np.ones((1, 3)), dt_s)).all()
