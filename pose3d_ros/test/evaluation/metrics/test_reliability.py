from __future__ import annotations

import math

import numpy as np
import pytest

from pose3d_ros.evaluation.metrics.reliability import reliability, sigma_coverage


def test_reliability_by_hand() -> None:
    scores = np.array([0.0, 0.05, 0.95, 1.0, 0.85])
    answer = reliability(scores, np.array([False, True, True, True, False]))
    first, last = answer.bins[0], answer.bins[9]
    assert (first.count, first.mean_score, first.right) == (2, 0.025, 0.5)
    assert (last.count, last.mean_score, last.right) == (2, 0.975, 1.0)
    assert (answer.bins[8].count, answer.bins[8].right) == (1, 0.0)
    assert answer.bins[4].count == 0
    assert math.isnan(answer.bins[4].right)
    assert answer.expected_calibration_error == pytest.approx((2 * 0.475 + 2 * 0.025 + 0.85) / 5)


def test_reliability_without_samples_is_nan() -> None:
    nothing = reliability(np.empty(0), np.empty(0, dtype=bool))
    assert len(nothing.bins) == 10
    assert math.isnan(nothing.expected_calibration_error)


def test_sigma_coverage_by_hand() -> None:
    errors, sigmas = np.array([-0.1, 0.3, 0.5, 9.0, np.nan]), np.array([0.2, 0.2, 0.2, np.nan, 0.2])
    answer = sigma_coverage(errors, sigmas)
    assert (answer.count, answer.within_1_sigma, answer.within_2_sigma) == (3, 1 / 3, 2 / 3)
    assert answer.median_ratio == pytest.approx(1.5)
    assert answer.median_sigma_mm == pytest.approx(200)
    assert sigma_coverage(errors, np.full(5, np.nan)).count == 0
