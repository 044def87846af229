from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.regions import Regions
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.stages.landmarks.landmark_selection import (
    best_in_boxes,
    certainties,
    doubtful,
    mean_with,
    merged,
    person_scores,
    select,
    settled,
    worth_reading_again,
)

from .conftest import LANDMARKS, reading, standing_m

SIZE = (640, 480)


def both(*readings: Landmarks) -> Landmarks:
    return Landmarks.concatenated(readings)


def kept(people: Landmarks, *certainty: float, limit: int = 10) -> list[int]:
    at, scores = select(people, np.array(certainty), 0.35, limit)
    assert len(scores) == len(at)
    return [int(i) for i in at]


def test_sure_readings_are_people_and_guesses_are_not() -> None:
    people = both(reading((300, 200)), reading((300, 200), certainty=0.2))
    np.testing.assert_allclose(certainties(people, *SIZE), [0.7, 0.2])
    scores = person_scores(np.array([0.7, 0.42, 0.2]))
    assert scores[0] > 0.95
    assert scores[1] == 0.5
    assert scores[2] < 0.05
    np.testing.assert_array_equal(worth_reading_again(np.array([0.7, 0.2])), [True, False])


def test_a_clear_reading_that_gives_its_place_again_is_settled() -> None:
    first = reading((300, 200), (304, 200), (360, 200), (300, 200))
    places = Regions.concatenated([reading((300, 200)).next_regions] * 4)
    np.testing.assert_array_equal(settled(places, first, np.array([0.9, 0.9, 0.9, 0.5])), [True, True, False, False])


def test_nobody_where_the_net_says_so() -> None:
    people = replace(reading((300.0, 200.0)), person=np.array([0.01]))
    assert certainties(people, *SIZE) == 0.0


def test_tiny_readings_have_to_be_surer() -> None:
    people = both(reading((300, 200), scale_px=40.0), reading((300, 200), scale_px=20.0))
    sides = people.next_regions.sides_px
    assert sides[0] > 80.0 > sides[1]
    found = certainties(people, *SIZE)
    np.testing.assert_allclose(found, [0.7, 0.7 - 0.15 * np.log2(80.0 / sides[1])])


def test_joints_beyond_the_image_do_not_count_against_a_person() -> None:
    cut = reading((630.0, 200.0))
    unsure_outside = np.where(cut.points_img_px[..., 0] > 639.5, 0.05, 0.7)
    np.testing.assert_allclose(certainties(replace(cut, certainty=unsure_outside), *SIZE), 0.7)
    assert certainties(reading((700.0, 200.0)), *SIZE) == 0.0


def test_one_of_each_person_stays_the_surest_one_first() -> None:
    people = both(reading((100, 200)), reading((103, 201)), reading((400, 200)))
    assert kept(people, 0.5, 0.6, 0.7) == [2, 1]
    assert kept(people, 0.5, 0.6, 0.7, limit=1) == [2]
    assert kept(people, 0.5, 0.6, 0.2) == [1]
    assert kept(people, 0.1, 0.1, 0.2) == []
    assert kept(Landmarks.none()) == []


def test_a_body_turned_round_is_the_same_one() -> None:
    assert kept(both(reading((100, 200)), reading((100, 200), turned=True)), 0.6, 0.7) == [1]


def squeezed_into_a_leg(whole: Landmarks) -> Landmarks:
    """A whole body on the left leg of another."""
    order = [LANDMARKS.index_of[name] for name in ("L_Hip", "L_Knee", "L_Ankle")]
    hip, knee, ankle = whole.points_img_px[0, order]
    share = ((standing_m()[:, 1] + 0.7) / 1.57)[:, None]
    along = np.where(share < 0.5, hip + 2 * share * (knee - hip), knee + (2 * share - 1) * (ankle - knee))
    return replace(reading((300.0, 200.0)), points_img_px=along[None])


def test_a_body_squeezed_into_legs_is_a_part_of_another() -> None:
    whole = reading((300, 200), scale_px=150.0)
    assert kept(both(whole, squeezed_into_a_leg(whole)), 0.7, 0.65) == [0]


def test_people_behind_each_other_both_stay() -> None:
    people = both(reading((300, 200), scale_px=150.0), reading((360, 190), scale_px=120.0))
    assert kept(people, 0.6, 0.7) == [1, 0]


def test_a_child_before_an_adult_drops_nobody() -> None:
    people = both(reading((300, 200), scale_px=150.0), reading((330, 260), scale_px=75.0))
    assert kept(people, 0.6, 0.7) == [1, 0]


def test_an_overlapping_reading_has_to_be_surer() -> None:
    people = both(reading((300, 200), scale_px=150.0), reading((345, 190), scale_px=120.0))
    alone = select(people.chosen(np.array([1])), np.array([0.43]), 0.35, 10)[1]
    beside = select(people, np.array([0.7, 0.43]), 0.0, 10)[1][1]
    assert beside < alone[0]


def test_landmarks_without_a_pixel_are_left_out() -> None:
    points = reading((300.0, 200.0)).points_img_px.copy()
    points[0, LANDMARKS.index_of["L_Wrist"]] = np.nan
    lacking = replace(reading((300.0, 200.0)), points_img_px=points)
    np.testing.assert_allclose(certainties(lacking, *SIZE), 0.7)
    assert kept(both(lacking, reading((300, 200))), 0.6, 0.7) == [1]


def test_agreeing_readings_are_averaged_by_certainty() -> None:
    people = both(reading((100, 200)), reading((104, 200)), reading((400, 200)))
    certainty = np.array([0.5, 0.5, 0.7])
    result = merged(people, certainty, np.array([2, 0]))
    middles = result.points_img_px[..., 0].mean(axis=1) - people.points_img_px[:, :, 0].mean(axis=1)[[2, 0]]
    np.testing.assert_allclose(middles, [0.0, 2.0], atol=1e-9)
    np.testing.assert_array_equal(result.next_regions.centers_px, people.next_regions.centers_px[[2, 0]])
    unsure = merged(people, np.array([0.5, 0.3, 0.7]), np.array([2, 0]))
    np.testing.assert_array_equal(unsure.points_img_px, people.points_img_px[[2, 0]])


def test_a_landmark_that_one_reading_lacks_is_the_others() -> None:
    people = both(reading((100, 200)), reading((104, 200)))
    people.points_img_px[1, 0] = np.nan
    result = merged(people, np.array([0.5, 0.5]), np.array([0]))
    np.testing.assert_array_equal(result.points_img_px[0, 0], people.points_img_px[0, 0])


def test_a_second_reading_counts_joint_by_joint_where_it_agrees() -> None:
    people = both(reading((100, 200), certainty=0.4), reading((300, 200), certainty=0.4))
    again = both(reading((104, 200), certainty=0.4), reading((500, 200), certainty=0.9))
    again.certainty[0, 0] = 0.8
    result = mean_with(people, again)
    moved = result.points_img_px[..., 0] - people.points_img_px[..., 0]
    np.testing.assert_allclose(moved[0, 1:], 2.0, atol=1e-9)
    np.testing.assert_allclose(moved[0, 0], 4 * 0.64 / (0.64 + 0.16), atol=0.01)
    np.testing.assert_allclose(moved[1], 0.0)
    again.points_img_px[0, 5] = np.nan
    np.testing.assert_array_equal(mean_with(people, again).points_img_px[0, 5], people.points_img_px[0, 5])


def test_doubtful_readings_are_neither_kept_nor_their_doubles_nor_hopeless() -> None:
    people = both(*(reading((x, 200)) for x in (100, 103, 300, 400, 500)))
    certainty = np.array([0.7, 0.35, 0.3, 0.1, 0.38])
    np.testing.assert_array_equal(doubtful(people, certainty, np.array([0]), 10), [4, 2])
    np.testing.assert_array_equal(doubtful(people, certainty, np.array([0]), 1), [4])
    assert doubtful(people, certainty, np.arange(5), 10).size == 0
    tiny = replace(people, next_regions=replace(people.next_regions, sides_px=np.full(5, 50.0)))
    assert doubtful(tiny, certainty, np.array([0]), 10).size == 0


def test_best_reading_of_each_box_is_sure_and_in_it() -> None:
    people = both(reading((300, 200)), reading((360, 200)), reading((300, 200)), reading((500, 200)))
    box: npt.NDArray[np.float64] = np.array([270.0, 100, 330, 300])
    boxes = np.array([box, box + [200, 0, 200, 0]])
    owners = np.array([0, 0, 0, 1])
    np.testing.assert_array_equal(best_in_boxes(people, np.array([0.5, 0.7, 0.6, 0.3]), owners, boxes), [2, 3])
