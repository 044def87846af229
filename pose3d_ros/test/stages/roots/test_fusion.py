"""Distances fused: by hand with one and two readings, the size counted once, one that is wrong passed over."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.records import RootReading
from pose3d_ros.stages.roots.fusion import fused, sized_reading
from pose3d_ros.stages.roots.size_belief import PERSON_SIGMA, SizeBelief

WRONG_POSE = 0.25 * np.sqrt(0.05)
"""Of one reading by size in twenty."""
AVERAGE = SizeBelief.of_known(0.0, PERSON_SIGMA)


def by_size(solver: str, distance_m: float, own_sigma: float) -> RootReading:
    return RootReading(solver, distance_m, float(np.hypot(own_sigma, PERSON_SIGMA)), by_size=True)


def test_nothing_read_is_no_distance() -> None:
    assert fused((), AVERAGE) is None
    assert sized_reading((RootReading("ground", 3.0, 0.02),)) is None


def test_one_reading_is_the_distance() -> None:
    found = fused((by_size("similarity", 4.0, 0.04),), AVERAGE)
    assert found is not None
    assert found.distance_m == pytest.approx(4.0)
    assert found.sigma == pytest.approx(np.linalg.norm([0.04, PERSON_SIGMA, WRONG_POSE]))
    assert found.log_size == 0.0
    assert found.shares == {"similarity": 1.0}


def test_size_is_counted_once() -> None:
    # Two readings of the same error besides the size: that halves in variance, the size's does not.
    found = fused((by_size("similarity", 4.0, 0.04), by_size("learned", 4.4, 0.04)), AVERAGE)
    assert found is not None
    assert found.distance_m == pytest.approx(np.sqrt(4.0 * 4.4))
    assert found.sigma == pytest.approx(np.linalg.norm([0.04 / np.sqrt(2), PERSON_SIGMA, WRONG_POSE]))
    assert found.shares == pytest.approx({"similarity": 0.5, "learned": 0.5})


def test_floor_and_size_are_weighted_by_their_variances() -> None:
    sized = by_size("similarity", 4.0, 0.04)
    found = fused((sized, RootReading("ground", 4.2, sized.sigma)), AVERAGE)
    assert found is not None
    assert np.log(found.distance_m) == pytest.approx(np.log([4.0, 4.2]).mean(), abs=2e-3)
    # A little more of the floor: one pose in twenty is read wrong.
    assert found.shares["ground"] == pytest.approx(0.62, abs=0.05)


def test_person_is_as_large_as_a_sure_distance_says() -> None:
    # 8% farther than a mean person would be; all of it is size but for the similarity's own error.
    found = fused((by_size("similarity", 4.0, 0.04), RootReading("depth", 4.32, 0.001)), AVERAGE)
    assert found is not None
    share = PERSON_SIGMA**2 / (PERSON_SIGMA**2 + 0.04**2)
    assert found.log_size == pytest.approx(share * np.log(1.08), rel=0.05)


def test_known_size_moves_people() -> None:
    found = fused((by_size("similarity", 4.0, 0.04),), SizeBelief.of_known(np.log(0.7), 0.02))
    assert found is not None
    assert found.distance_m == pytest.approx(2.8)


def test_child_on_the_floor_is_where_the_floor_says() -> None:
    found = fused((by_size("similarity", 4.0, 0.04), RootReading("ground", 2.8, 0.03)), SizeBelief.of_anyone())
    assert found is not None
    # Not quite: it could be a grown-up whose feet were read wrong, for which one reading leaves a sixth.
    assert found.distance_m == pytest.approx(2.8, rel=0.08)
    assert np.exp(found.log_size) == pytest.approx(0.7, rel=0.12)


def test_person_in_the_air_stays_where_their_size_says() -> None:
    found = fused((by_size("similarity", 4.0, 0.04), RootReading("ground", 6.0, 0.03)), SizeBelief.of_anyone())
    assert found is not None
    assert found.distance_m == pytest.approx(4.0, rel=0.06)
    assert found.shares["ground"] < 0.2


def test_depth_places_someone_whose_pose_was_read_wrong() -> None:
    known = SizeBelief.of_known(0.0, 0.03)
    found = fused((by_size("similarity", 3.0, 0.04), RootReading("depth", 4.0, 0.015)), known)
    assert found is not None
    assert found.distance_m == pytest.approx(4.0, rel=0.02)


def test_distance_without_any_by_size() -> None:
    found = fused((RootReading("ground", 5.0, 0.03), RootReading("depth", 5.1, 0.01)), AVERAGE)
    assert found is not None
    assert 5.05 < found.distance_m < 5.1
    assert found.log_size == 0.0
