"""Distances over time: steady people steadier, walkers without a lag, jumps refused, gaps begun anew."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.stages.roots.distance_filter import DistanceFilter

RATE_HZ = 15.0


def filtered(distances_m: list[float], sigma: float = 0.06) -> list[DistanceFilter]:
    found: list[DistanceFilter] = []
    for number, distance_m in enumerate(distances_m):
        before = found[-1] if found else None
        found.append(DistanceFilter.following(before, distance_m, sigma, round(number / RATE_HZ * 1e9)))
    return found


def test_first_frame_is_as_it_is() -> None:
    (one,) = filtered([4.0])
    assert one.distance_m == pytest.approx(4.0)
    assert one.sigma == pytest.approx(0.06)


def test_noise_falls_and_what_lasts_stays_in_what_is_stated() -> None:
    noise = np.random.default_rng(0).normal(0.0, 0.04, 300)
    found = filtered(list(4.0 * np.exp(noise)))
    logs = np.log([one.distance_m / 4.0 for one in found[15:]])
    assert logs.std() < 0.7 * 0.04
    assert 0.06 / np.sqrt(2) < found[-1].sigma < 0.06


def test_someone_who_walks_is_not_behind() -> None:
    found = filtered([8.0 - 1.4 * number / RATE_HZ for number in range(60)])
    assert found[-1].distance_m == pytest.approx(8.0 - 1.4 * 59 / RATE_HZ, rel=0.01)


def test_frame_that_is_far_off_counts_little() -> None:
    found = filtered([4.0] * 20 + [2.8] + [4.0] * 3)
    assert found[20].distance_m == pytest.approx(4.0, rel=0.06)
    assert found[23].distance_m == pytest.approx(4.0, rel=0.03)


def test_someone_who_is_elsewhere_for_good_is_there_within_a_second() -> None:
    found = filtered([4.0] * 20 + [3.0] * 15)
    assert found[-1].distance_m == pytest.approx(3.0, rel=0.05)


@pytest.mark.parametrize("seconds", [2.0, 0.0, -0.1])
def test_after_a_gap_or_a_clock_that_stands_it_begins_anew(seconds: float) -> None:
    before = DistanceFilter.following(None, 4.0, 0.05, 10**9)
    after = DistanceFilter.following(before, 6.0, 0.05, 10**9 + round(seconds * 1e9))
    assert after.distance_m == pytest.approx(6.0)
