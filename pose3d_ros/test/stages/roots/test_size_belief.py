"""A person's size after readings: by hand for one normal, children found, single wrong readings passed over."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.stages.roots.size_belief import PERSON_SIGMA, SizeBelief

CHILD = float(np.log(1.15 / 1.7))


def after(values: list[float], sigma: float = 0.06, share: float = 1.0) -> SizeBelief:
    belief = SizeBelief.of_anyone()
    for value in values:
        belief = belief.updated(value, sigma**2, share)
    return belief


def test_one_reading_is_a_mean_weighted_by_the_variances() -> None:
    # Two equal variances: halfway, but for the small chance (1%) that the reading is wrong.
    belief = SizeBelief.of_known(0.0, 0.05).updated(0.04, 0.05**2)
    assert belief.mode == pytest.approx(0.02, rel=0.02)
    assert belief.variance == pytest.approx(0.05**2 / 2, rel=0.05)


def test_readings_that_share_their_error_count_less() -> None:
    once, shared = after([0.06], 0.1), after([0.06] * 10, 0.1, share=0.1)
    assert shared.mode == pytest.approx(once.mode, rel=0.25)
    assert after([0.06] * 10, 0.1).mode > 1.5 * once.mode


def test_error_that_all_readings_share_is_never_averaged_away() -> None:
    belief = SizeBelief.of_known(0.0, 0.1)
    for _ in range(100):
        belief = belief.updated(0.02, 0.02**2, 1.0, least_variance=0.03**2)
    assert belief.variance >= 0.03**2


def test_child_is_recognized_within_a_few_readings() -> None:
    belief = after([CHILD, CHILD + 0.04, CHILD - 0.04])
    assert belief.mode == pytest.approx(CHILD, abs=0.05)
    assert belief.variance < PERSON_SIGMA**2


def test_grown_up_in_the_air_for_a_moment_stays_a_grown_up() -> None:
    steady = after([0.0] * 10)
    jumped = steady.updated(0.4, 0.06**2)
    assert jumped.mode == pytest.approx(steady.mode, abs=0.01)


def test_nobody_is_a_giant() -> None:
    assert after([0.45, 0.45]).mode < 0.1  # on a step of a third of the camera's height, again and again


@given(st.lists(st.floats(-3, 3), max_size=20), st.floats(1e-3, 1.0), st.floats(1e-3, 1.0))
def test_belief_stays_a_belief(values: list[float], sigma: float, share: float) -> None:
    belief = after(values, sigma, share)
    assert belief.weights.sum() == pytest.approx(1.0)
    assert (belief.weights >= 0).all()
    assert (belief.variances > 0).all()
    assert np.isfinite(belief.means).all()
    assert belief.variance > 0
