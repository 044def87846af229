from __future__ import annotations

import math

import numpy as np
import pytest

from pose3d_ros.evaluation.comparison import paired_bootstrap
from pose3d_ros.evaluation.comparison.paired_bootstrap import Paired, paired_difference
from pose3d_ros.types import Array


def paired(first: Array, second: Array, block: int) -> Paired:
    ones = np.ones(len(first))
    return Paired(first, second, ones, ones, np.arange(len(first)) // block)


def correlated(rng: np.random.Generator, count: int, memory: float) -> Array:
    values: Array = rng.normal(size=count)
    for i in range(1, count):
        values[i] = memory * values[i - 1] + math.sqrt(1 - memory**2) * values[i]
    return values


def test_difference_of_weighted_means_by_hand() -> None:
    first, second = np.array([1.0, 3.0, np.nan, 5.0]), np.array([2.0, 2.0, 2.0, np.nan])
    weights = np.array([1.0, 3.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0, 1.0])
    found = paired_difference(Paired(first, second, *weights, np.zeros(4, np.int64)))
    assert (found.first, found.second, found.difference) == pytest.approx((2.5, 2.0, -0.5))
    assert (found.samples, found.blocks) == (2, 1)
    assert math.isnan(found.low)  # one block says nothing of the spread
    assert not found.excludes_zero


def test_pairing_shows_a_small_difference_beneath_a_large_spread() -> None:
    rng = np.random.default_rng(0)
    first: Array = rng.normal(100.0, 50.0, 400)
    found = paired_difference(paired(first, first - 1.0 + rng.normal(0.0, 1.0, 400), 10))
    assert found.excludes_zero
    assert found.low < -1.0 < found.high < 0.0


def test_equal_results_have_an_interval_of_zero() -> None:
    values: Array = np.asarray(range(100), dtype=np.float64)
    found = paired_difference(paired(values, values, 5))
    assert (found.difference, found.low, found.high, found.excludes_zero) == (0.0, 0.0, 0.0, False)


def test_blocks_keep_their_promise_on_frames_that_correlate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of differences that are zero on average about one interval of twenty excludes zero; of single frames half do."""
    monkeypatch.setattr(paired_bootstrap, "RESAMPLES", 299)
    wrong = {1: 0, 30: 0}
    rng = np.random.default_rng(1)
    for _ in range(60):
        difference = correlated(rng, 600, 0.8)
        for block in wrong:
            wrong[block] += paired_difference(paired(np.zeros(600), difference, block)).excludes_zero
    assert wrong[30] <= 8
    assert wrong[1] >= 20
