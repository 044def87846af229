from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.stages.landmarks.learned_distance import LearnedDistances

SECOND_NS = 1_000_000_000


def test_who_is_unknown_has_no_reading() -> None:
    assert LearnedDistances.unknown(2).readings(np.array([3.0, 4.0])) == [None, None]


def test_reading_is_the_closed_form_times_the_ratio_that_was_learned() -> None:
    known = LearnedDistances.unknown(2).with_readings(np.array([1]), np.log([1.1]), np.array([0.08]), 0)
    nothing, reading = known.readings(np.array([3.0, 4.0]))
    assert nothing is None
    assert reading is not None
    assert (reading.solver, reading.by_size) == ("learned", True)
    assert reading.distance_m == pytest.approx(4.4)
    assert reading.sigma == pytest.approx(0.08)


def test_readings_are_averaged_and_one_without_a_person_counts_as_none() -> None:
    people = LearnedDistances.unknown(2).with_readings(np.array([1]), np.array([0.1]), np.array([0.2]), 0)
    people = people.with_readings(np.array([1]), np.array([0.3]), np.array([0.4]), SECOND_NS)
    people = people.with_readings(np.array([0, 1]), np.full(2, np.nan), np.full(2, np.nan), SECOND_NS)
    np.testing.assert_allclose(people.log_ratios, [0.0, 0.2])
    assert people.sigmas[1] == pytest.approx(0.3)
    assert people.counts.tolist() == [0, 2]


def test_one_person_a_frame_is_due_once_a_second() -> None:
    people, read = LearnedDistances.unknown(3, 1), []
    for stamp_ns in range(0, 2 * SECOND_NS, SECOND_NS // 10):
        at = people.due(stamp_ns)
        people = people.with_readings(at, np.zeros(len(at)), np.ones(len(at)), stamp_ns)
        read.append(at.tolist())
    assert read[:5] == [[], [0], [1], [2], []]
    assert [at for at in read[5:] if at] == [[0], [1], [2]]


def test_people_are_chosen_and_joined() -> None:
    people = LearnedDistances.unknown(2).with_readings(np.array([1]), np.array([0.1]), np.array([0.2]), 5)
    both = LearnedDistances.concatenated([people.chosen(np.array([1])), LearnedDistances.unknown(1)])
    assert both.counts.tolist() == [1, 0]
    assert both.due_ns.tolist() == [5 + SECOND_NS, 0]
