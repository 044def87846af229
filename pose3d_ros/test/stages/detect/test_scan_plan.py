"""Tiles cover the image, and in a video every place gets its turn in time."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.geometry.regions import Regions
from pose3d_ros.records import Detection
from pose3d_ros.stages.detect.scan_plan import Neighbors, ScanPlan, closer_looks, tiles, unfilled, whole_view
from pose3d_ros.stages.proposals import Proposals


def boxes(*of: tuple[float, float, float, float]) -> Proposals:
    return Proposals.of_detections([Detection(np.array(box, dtype=float), 0.9 - 0.1 * i) for i, box in enumerate(of)])


@pytest.mark.parametrize(("size", "count"), [((640, 480), 6), ((480, 640), 6), ((1920, 1080), 6), ((500, 500), 9)])
def test_tiles_cover_the_image_and_overlap(size: tuple[int, int], count: int) -> None:
    found = tiles(*size)
    assert len(found) == count
    corners = found.corners_px()
    np.testing.assert_allclose(corners.min(axis=(0, 1)), -0.5)
    np.testing.assert_allclose(corners.max(axis=(0, 1)), np.array(size) - 0.5)
    for axis in (0, 1):
        steps = np.diff(np.unique(found.centers_px[:, axis].round(6)))
        assert (steps <= 0.75 * found.sides_px[0] + 1e-6).all()


def test_narrow_image_has_one_row_of_tiles() -> None:
    assert len(tiles(1000, 300)) == 3
    np.testing.assert_allclose(tiles(1000, 300).centers_px[:, 1], 149.5)
    np.testing.assert_allclose(whole_view(1000, 300).sides_px, [1000])


def test_tile_that_a_person_fills_is_left_out() -> None:
    person = boxes((0, 0, 200, 300)).regions
    free = unfilled(tiles(640, 480), 640, 480, person)
    assert free.tolist() == [False, True, True, True, True, True]
    assert unfilled(tiles(640, 480), 640, 480, Regions.empty()).all()


def test_closer_looks_hold_the_person_twice_and_neighbors_once() -> None:
    looks = closer_looks(boxes((100, 100, 140, 200), (150, 100, 190, 195), (400, 100, 500, 400), (420, 150, 440, 190)))
    np.testing.assert_allclose(looks.centers_px, [[120, 150], [450, 250], [430, 170]])
    np.testing.assert_allclose(looks.sides_px, [200, 600, 80])
    assert len(closer_looks(Proposals.none())) == 0
    assert len(closer_looks(boxes(*((50.0 * i, 0, 50.0 * i + 10, 20) for i in range(20))))) == 8


@pytest.mark.parametrize("rate_hz", [5, 10, 15, 30, 60])
def test_every_place_is_seen_in_time_and_frames_cost_alike(rate_hz: int) -> None:
    plan, step_s = ScanPlan(), 1 / rate_hz
    last: dict[tuple[float, float, float], float] = {}
    waits: dict[tuple[float, float, float], float] = {}
    counts, boxes_at = [], [0.0]
    for i in range(1, 8 * rate_hz + 1):
        looks = plan.turn(640, 480, step_s, Regions.empty(), searching=False)
        counts.append(len(looks.views))
        boxes_at += [i * step_s] * looks.boxes
        for (x, y), side in zip(looks.views.centers_px, looks.views.sides_px, strict=True):
            place = (float(x), float(y), float(side))
            waits[place] = max(waits.get(place, 0.0), i * step_s - last.get(place, 0.0))
            last[place] = i * step_s
    whole = (319.5, 239.5, 640.0)
    assert len(waits) == 7
    assert waits[whole] <= max(0.1, step_s) + step_s
    assert max(wait for place, wait in waits.items() if place != whole) <= 0.5 + step_s
    assert max(np.diff(boxes_at)) <= max(0.3, step_s) + step_s
    # What is due in a second, and no more: 10 looks at the whole at most, and 12 at tiles.
    assert sum(counts) / 8 <= min(10, rate_hz) + 12.5
    assert max(counts) <= np.ceil(12 * step_s) + 1


def test_searching_looks_at_the_whole_and_for_boxes_in_each_frame() -> None:
    plan = ScanPlan()
    for _ in range(5):
        looks = plan.turn(640, 480, 1 / 30, Regions.empty(), searching=True)
        assert looks.boxes
        assert looks.views.sides_px.tolist() == [640, 320]


def test_filled_tiles_get_no_turn() -> None:
    plan, everywhere = ScanPlan(), boxes((0, 0, 640, 480)).regions
    for _ in range(30):
        assert set(plan.turn(640, 480, 0.1, everywhere, searching=False).views.sides_px) <= {640.0}


def test_after_a_reset_nothing_is_due() -> None:
    plan = ScanPlan()
    plan.turn(640, 480, 0.06, Regions.empty(), searching=False)
    plan.reset()
    looks = plan.turn(640, 480, 0.04, Regions.empty(), searching=False)
    assert (len(looks.views), looks.boxes) == (0, False)


def test_small_people_get_closer_looks_in_turn() -> None:
    people = boxes(*((100.0 * i, 100, 100.0 * i + 20, 160) for i in range(5)), (0, 0, 300, 400)).regions
    beside, looks = Neighbors(), []
    for _ in range(10):
        found = beside.turn(people, 128.0, 0.1)
        assert len(found) <= 2
        looks += found.centers_px[:, 0].tolist()
        assert set(found.sides_px) <= {120.0}
    # Each of the five twice in a second, and the large one never.
    assert sorted(set(looks)) == [10.0, 110.0, 210.0, 310.0, 410.0]
    assert 8 <= len(looks) <= 10
    assert len(beside.turn(Regions.empty(), 128.0, 0.1)) == 0


def test_looks_beside_people_are_part_of_the_turn() -> None:
    small = boxes((300, 200, 320, 280)).regions
    plan = ScanPlan()
    sides = [side for _ in range(10) for side in plan.turn(640, 480, 0.1, small, searching=False).views.sides_px]
    assert sides.count(160.0) == pytest.approx(2, abs=1)
