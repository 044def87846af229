from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy.signal import savgol_filter

from pose3d_ros.errors import ConfigError
from pose3d_ros.stages.smooth.savitzky_golay import SavitzkyGolayFilter, SavitzkyGolaySettings
from pose3d_ros.types import Array

POINTS = np.random.default_rng(0).normal(size=(30, 2, 3))


def filtered(settings: SavitzkyGolaySettings, points: Array = POINTS) -> Array:
    one = SavitzkyGolayFilter(settings)
    return np.array([one(frame, 0.03) for frame in points])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_newest_frame_is_the_last_of_scipys_filter(order: int) -> None:
    found = filtered(SavitzkyGolaySettings(9, order))
    for end in (9, 17, 30):
        window = savgol_filter(POINTS[end - 9 : end], 9, order, axis=0, mode="interp")
        np.testing.assert_allclose(found[end - 1], window[-1], atol=1e-12)


def test_newest_frame_is_the_value_of_the_polynomial_there() -> None:
    found = filtered(SavitzkyGolaySettings(7, 2))
    fit = np.polynomial.Polynomial.fit(range(7), POINTS[10:17, 1, 2], 2)
    assert found[16, 1, 2] == pytest.approx(fit(6))


def test_parabola_passes_unchanged_from_the_first_frame_on() -> None:
    time = np.arange(20.0)[:, None, None] * [1.0, 0.5, -0.2]
    np.testing.assert_allclose(filtered(SavitzkyGolaySettings(9, 2), time**2 + time), time**2 + time, atol=1e-9)


def test_missing_point_stays_missing_and_counts_where_it_was_last() -> None:
    gap = POINTS.copy()
    gap[5, 0], gap[0, 1] = np.nan, np.nan
    held = POINTS.copy()
    held[5, 0], held[0, 1] = POINTS[4, 0], POINTS[1, 1]
    found, expected = (filtered(SavitzkyGolaySettings(5, 1), points) for points in (gap, held))
    assert np.isnan(found[5, 0]).all()
    np.testing.assert_allclose(found[6:], expected[6:])
    np.testing.assert_allclose(found[1:, 1], expected[1:, 1])


def test_missing_scipy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.signal", None)
    with pytest.raises(ConfigError, match="expected SciPy"):
        SavitzkyGolayFilter(SavitzkyGolaySettings(5, 1))
