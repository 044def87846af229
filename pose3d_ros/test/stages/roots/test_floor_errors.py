"""Errors of a floor: what they do to distances by hand, found by several people, kept for those who come after."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.stages.roots.floor_errors import ERRORS, FLOOR_PRIOR, FloorErrors, floor_logs
from pose3d_ros.stages.roots.size_belief import SizeBelief
from pose3d_ros.types import Array


def evidence_of(ratio: float, lasting_sigma: float) -> Array:
    """Of one person, whom the floor puts at that share of the distance that their size says."""
    return SizeBelief.of_anyone().updated(floor_logs(np.log(ratio), lasting_sigma), 0.06**2, 0.12).floor_evidence


def likeliest(evidence: Array) -> float:
    return float(ERRORS[(np.log(FLOOR_PRIOR) + evidence).argmax()])


def test_prior_is_one_and_even() -> None:
    assert FLOOR_PRIOR.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(FLOOR_PRIOR, FLOOR_PRIOR[::-1])
    assert FLOOR_PRIOR[np.abs(ERRORS) <= 1.0].sum() > 0.8


def test_distance_is_that_of_the_floor_without_its_error() -> None:
    # A camera 1.2 m high that is said to look 2 degrees further down than it does, a foot 6 m ahead.
    true, said = GroundPlane.of_mounting(1.2, 0.0), GroundPlane.of_mounting(1.2, -2.0, 0.0)
    foot = np.array([0.0, 1.2, 6.0])
    (said_m,) = said.scale_onto(foot[None]) * np.linalg.norm(foot)
    (_, lasting) = said.log_sigmas(foot, 0.001)
    logs = floor_logs(float(np.log(said_m)), float(lasting))
    four = logs[np.abs(ERRORS - 4.0).argmin(), 0]  # of half a degree each
    assert said_m < 0.9 * np.linalg.norm(foot)
    assert np.exp(four) == pytest.approx(np.linalg.norm(foot), rel=0.02)
    assert true.scale_onto(foot) == pytest.approx(1.0)


def test_floor_that_is_off_is_found_by_people_at_several_distances() -> None:
    floor = FloorErrors()
    for person, lasting in enumerate((0.01, 0.02, 0.04, 0.05, 0.06)):
        floor.learn(person, evidence_of(1.0 - 6.0 * lasting, lasting))
    assert likeliest(floor.without()) == pytest.approx(6.0, abs=1.5)
    assert likeliest(evidence_of(0.64, 0.06)) == 0.0  # of one alone it may be a child


def test_floor_that_fits_stays_right_with_a_child_on_it() -> None:
    floor = FloorErrors()
    for person, lasting in enumerate((0.02, 0.04, 0.05, 0.06)):
        floor.learn(person, evidence_of(1.0, lasting))
    floor.learn(9, evidence_of(0.7, 0.06))
    assert abs(likeliest(floor.without())) <= 0.5


def test_one_person_is_not_told_by_themselves() -> None:
    floor = FloorErrors()
    floor.learn(1, evidence_of(0.64, 0.06))
    assert not floor.without(1).any()
    assert floor.without(2).any()


def test_people_who_have_gone_still_count_but_not_for_ever() -> None:
    floor = FloorErrors()
    for person in range(30):
        floor.learn(person, evidence_of(0.7, 0.05))
        floor.keep({person})
    floor.keep(set())
    assert likeliest(floor.without()) > 3.0
    for person in range(100, 160):
        floor.learn(person, evidence_of(1.0, 0.05))
        floor.keep({person})
    assert abs(likeliest(floor.without())) <= 0.5
