"""A person's size after readings: by hand for one normal, children found, single wrong readings passed over."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.stages.roots.floor_errors import ERRORS, FLOOR_PRIOR, floor_logs
from pose3d_ros.stages.roots.size_belief import PERSON_SIGMA, SizeBelief

WRONG = 0.12
CHILD = float(np.log(1.15 / 1.7))


def after(values: list[float], sigma: float = 0.06, share: float = 1.0) -> SizeBelief:
    belief = SizeBelief.of_anyone()
    for value in values:
        belief = belief.updated(value, sigma**2, WRONG, share)
    return belief


def test_one_reading_is_a_mean_weighted_by_the_variances() -> None:
    # Two equal variances: halfway, but for the small chance (1%) that the reading is wrong.
    belief = SizeBelief.of_known(0.0, 0.05).updated(0.04, 0.05**2, WRONG)
    assert belief.mode == pytest.approx(0.02, rel=0.02)
    assert belief.variance == pytest.approx(0.05**2 / 2, rel=0.05)


def test_readings_that_share_their_error_count_less() -> None:
    once, shared = after([0.06], 0.1), after([0.06] * 10, 0.1, share=0.1)
    assert shared.mode == pytest.approx(once.mode, rel=0.25)
    assert after([0.06] * 10, 0.1).mode > 1.5 * once.mode


def test_error_that_all_readings_share_is_never_averaged_away() -> None:
    belief = SizeBelief.of_known(0.0, 0.1)
    for _ in range(100):
        belief = belief.updated(0.02, 0.02**2, WRONG, least_variance=0.03**2)
    assert belief.variance >= 0.03**2


def test_child_is_recognized_within_a_few_readings() -> None:
    belief = after([CHILD, CHILD + 0.04, CHILD - 0.04])
    assert belief.mode == pytest.approx(CHILD, abs=0.05)
    assert belief.variance < PERSON_SIGMA**2


def test_grown_up_in_the_air_for_a_moment_stays_a_grown_up() -> None:
    steady = after([0.0] * 10)
    jumped = steady.updated(0.4, 0.06**2, WRONG)
    assert jumped.mode == pytest.approx(steady.mode, abs=0.01)


def test_nobody_is_a_giant() -> None:
    assert after([0.45, 0.45]).mode < 0.1  # on a step of a third of the camera's height, again and again


def test_size_depends_on_the_floors_error_and_the_floor_on_sizes() -> None:
    # Someone whom the floor puts 30% nearer than a grown-up would be, where it errs by 6% a standard deviation.
    belief = SizeBelief.of_anyone().updated(floor_logs(np.log(0.7), 0.06), 0.05**2, WRONG)
    right, tilted = belief.means[FLOOR_PRIOR.argmax()], belief.means[np.abs(ERRORS - 5.0).argmin()]
    assert right[1] < tilted[1] - 0.02  # the child's
    assert abs(tilted[0]) < 0.01
    evidence = belief.floor_evidence
    assert evidence[np.abs(ERRORS - 5.0).argmin()] > evidence[FLOOR_PRIOR.argmax()] + 1.0
    # A child on a good floor stays likelier than a grown-up on a floor that is off by 2.5 degrees, until others say so.
    assert belief.mode == pytest.approx(np.log(0.7), abs=0.1)
    assert belief.on_floor(3 * evidence).mode == pytest.approx(0.0, abs=0.06)


def test_wrong_pose_hardly_moves_a_person_of_known_distance() -> None:
    read = SizeBelief.of_known(0.0, 0.03).read_by_size(np.log(3.0), 0.04**2)
    assert read.updated(np.log(4.0), 0.015**2, 0.02).mode == pytest.approx(np.log(4.0), abs=0.01)
    assert read.mode == pytest.approx(np.log(3.0))


@given(st.lists(st.floats(-3, 3), max_size=20), st.floats(1e-3, 1.0), st.floats(1e-3, 1.0))
def test_belief_stays_a_belief(values: list[float], sigma: float, share: float) -> None:
    belief = after(values, sigma, share)
    assert belief.weights.sum() == pytest.approx(1.0)
    assert (belief.weights >= 0).all()
    assert (belief.variances > 0).all()
    assert np.isfinite(belief.means).all()
    assert belief.variance > 0
