from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.records import STILL
from pose3d_ros.stages.landmarks.followed_people import FollowedPeople
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks

from .conftest import reading

STEP_NS = 100_000_000


def following(*middles_px: tuple[float, float]) -> FollowedPeople:
    people = FollowedPeople()
    people.regions(0)
    people.update(reading(*middles_px), np.arange(len(middles_px)), 0, 0)
    return people


def test_people_are_looked_for_where_their_reading_says() -> None:
    people = following((100.0, 200.0), (300.0, 200.0))
    regions = people.regions(STEP_NS)
    np.testing.assert_allclose(regions.centers_px, [[100, 200], [300, 200]])
    moved = reading((110.0, 200.0), (300.0, 205.0))
    people.update(moved, np.array([1, 0]), 2, STEP_NS)
    np.testing.assert_allclose(people.regions(2 * STEP_NS).centers_px, [[300, 205], [110, 200]])


@pytest.mark.parametrize("stamp_ns", [STILL, -STEP_NS, 6 * STEP_NS])
def test_nobody_is_followed_into_another_time(stamp_ns: int) -> None:
    assert len(following((100.0, 200.0)).regions(stamp_ns)) == 0


def test_who_is_not_seen_is_looked_for_in_the_same_place_for_a_while() -> None:
    people = following((100.0, 200.0), (300.0, 200.0))
    counts = []
    for i in range(1, 7):
        regions = people.regions(i * STEP_NS)
        counts.append(len(regions))
        people.update(
            reading((100.0, 200.0), (350.0, 240.0)).chosen(np.arange(len(regions))), np.array([0]), 2, i * STEP_NS
        )
        if len(regions) == 2:
            np.testing.assert_allclose(regions.centers_px[1], [300, 200])
    assert counts == [2, 2, 2, 2, 1, 1]


def test_two_who_became_one_are_followed_as_one() -> None:
    people = following((100.0, 200.0), (130.0, 200.0))
    people.regions(STEP_NS)
    people.update(reading((100.0, 200.0), (100.0, 200.0)), np.array([0]), 2, STEP_NS)
    assert len(people.regions(2 * STEP_NS)) == 1


def test_nobody_seen_and_nobody_followed() -> None:
    people = FollowedPeople()
    assert len(people.regions(0)) == 0
    people.update(Landmarks.none(), np.zeros(0, dtype=np.intp), 0, 0)
    assert len(people.regions(STEP_NS)) == 0
    people = following((100.0, 200.0))
    people.forget()
    assert len(people.regions(STEP_NS)) == 0
