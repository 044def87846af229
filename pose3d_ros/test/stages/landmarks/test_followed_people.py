from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.records import STILL
from pose3d_ros.stages.landmarks.followed_people import FollowedPeople

from .conftest import reading

STEP_NS = 100_000_000


CAMERA = Camera.from_hfov(60.0, 640, 480)


def following(*middles_px: tuple[float, float]) -> FollowedPeople:
    people = FollowedPeople()
    people.regions(0)
    people.update(reading(*middles_px).next_regions, np.arange(len(middles_px)), 0, 0, CAMERA)
    return people


def test_people_are_looked_for_where_their_reading_says() -> None:
    people = following((100.0, 200.0), (300.0, 200.0))
    regions = people.regions(STEP_NS)
    np.testing.assert_allclose(regions.centers_px, [[100, 200], [300, 200]])
    people.update(reading((300.0, 205.0), (110.0, 200.0)).next_regions, np.array([1, 0]), 2, STEP_NS, CAMERA)
    np.testing.assert_allclose(people.regions(2 * STEP_NS).centers_px, [[300, 205], [110, 200]])


@pytest.mark.parametrize("stamp_ns", [STILL, -STEP_NS, 6 * STEP_NS])
def test_nobody_is_followed_into_another_time(stamp_ns: int) -> None:
    assert len(following((100.0, 200.0)).regions(stamp_ns)) == 0


def test_who_is_not_seen_is_looked_for_where_they_should_be_for_a_second() -> None:
    people = following((100.0, 200.0), (300.0, 200.0))
    for i in range(1, 21):  # the second one walks to the right, 20 px a frame
        people.regions(i * STEP_NS // 10)
        read = reading((100.0, 200.0), (300.0 + 2.0 * i, 200.0))
        people.update(read.next_regions, np.arange(2), 2, i * STEP_NS // 10, CAMERA)
    frames, middles, period_ns = [], [], 66_666_666
    for i in range(1, 18):
        stamp_ns = 2 * STEP_NS + i * period_ns
        regions = people.regions(stamp_ns)
        if len(regions) > 1:
            frames.append(i)
            middles.append(regions.centers_px[-1, 0])
        people.update(reading((100.0, 200.0)).next_regions, np.array([0]), len(regions), stamp_ns, CAMERA)
        assert len(people.present) == 1
    assert frames == [1, 3, 5, 7, 9, 11, 13, 15]  # ten times a second at most
    np.testing.assert_allclose(np.diff(middles), 26.67, rtol=0.01)


def test_who_is_not_seen_is_not_read_behind_someone_else() -> None:
    people = following((100.0, 200.0), (300.0, 200.0))
    people.regions(STEP_NS)
    people.update(reading((300.0, 200.0)).next_regions, np.array([0]), 2, STEP_NS, CAMERA)
    assert len(people.regions(4 * STEP_NS)) == 1
    people.update(reading((400.0, 200.0)).next_regions, np.array([0]), 1, 4 * STEP_NS, CAMERA)
    regions = people.regions(5 * STEP_NS)  # the other one has walked on
    np.testing.assert_allclose(regions.centers_px[:, 1], 200.0)
    assert len(regions) == 2
    people.update(reading((410.0, 200.0), (300.0, 200.0)).next_regions, np.array([0, 1]), 2, 5 * STEP_NS, CAMERA)
    assert len(people.present) == 2


def test_who_is_new_where_someone_was_lost_is_that_one() -> None:
    people = following((100.0, 200.0), (300.0, 200.0), (500.0, 200.0))
    people.regions(STEP_NS)
    people.update(reading((100.0, 200.0)).next_regions, np.array([0]), 3, STEP_NS, CAMERA)
    assert len(people.regions(2 * STEP_NS)) == 3
    people.update(reading((100.0, 200.0), (305.0, 200.0)).next_regions, np.array([0, 3]), 3, 2 * STEP_NS, CAMERA)
    np.testing.assert_allclose(people.regions(3 * STEP_NS).centers_px[:, 0], [100.0, 305.0, 500.0])


def test_who_leaves_the_image_is_not_looked_for() -> None:
    people = following((600.0, 200.0))
    people.regions(STEP_NS)
    people.update(reading((630.0, 200.0)).next_regions, np.array([0]), 1, STEP_NS, CAMERA)
    people.regions(2 * STEP_NS)
    nobody = np.zeros(0, dtype=np.intp)
    people.update(Regions.empty(), nobody, 1, 2 * STEP_NS, CAMERA)
    assert len(people.regions(4 * STEP_NS)) == 1
    people.update(Regions.empty(), nobody, 1, 4 * STEP_NS, CAMERA)
    assert len(people.regions(6 * STEP_NS)) == 0


def test_nobody_seen_and_nobody_followed() -> None:
    people = FollowedPeople()
    assert len(people.regions(0)) == 0
    people.update(Regions.empty(), np.zeros(0, dtype=np.intp), 0, 0, CAMERA)
    assert len(people.regions(STEP_NS)) == len(people.present) == 0
    people = following((100.0, 200.0))
    people.forget()
    assert len(people.regions(STEP_NS)) == 0


def test_distances_stay_with_their_person_and_new_people_wait_a_frame() -> None:
    people = following((100.0, 200.0), (300.0, 200.0))
    read = reading((100.0, 200.0), (300.0, 200.0), (302.0, 200.0), (500.0, 200.0))
    kept = np.array([1, 0, 3])
    new = people.learned_of(read.next_regions.chosen(kept), kept, 2, STEP_NS)
    assert new.due(STEP_NS).tolist() == [0]
    known = new.with_readings(np.array([0]), np.array([0.1]), np.array([0.1]), STEP_NS)
    people.update(read.next_regions.chosen(kept), kept, 2, STEP_NS, CAMERA, known)
    read = reading((300.0, 200.0), (100.0, 200.0), (500.0, 200.0), (301.0, 200.0))
    again = people.learned_of(read.next_regions.chosen([2, 3]), np.array([2, 3]), 3, 2 * STEP_NS)
    assert again.log_ratios.tolist() == pytest.approx([0.0, 0.1])
    assert again.due(2 * STEP_NS).tolist() == [0]


def test_lost_are_those_of_the_last_frame_whom_nobody_seen_explains() -> None:
    people = following((100.0, 200.0), (300.0, 200.0), (340.0, 200.0))
    people.regions(STEP_NS)
    seen = reading((110.0, 200.0), (325.0, 200.0)).next_regions  # the second one is 25 px from one, 15 from the other
    assert people.lost(seen).tolist() == [1]
    people.update(seen, np.array([0, 2]), 3, STEP_NS, CAMERA)
    people.regions(2 * STEP_NS)
    assert people.lost(seen).tolist() == []  # who was not seen in the last frame either is not lost anew
    assert following().lost(Regions.empty()).tolist() == []
