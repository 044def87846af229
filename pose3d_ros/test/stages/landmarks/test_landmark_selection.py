from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.stages.landmarks.landmark_selection import (
    person_scores,
    select,
    similarity,
    sizes,
    visible_boxes,
)

from .conftest import LANDMARKS, reading, standing_m

SIZE = (640, 480)


def both(*readings: Landmarks) -> Landmarks:
    return Landmarks.concatenated(readings)


def test_sure_readings_are_people_and_guesses_are_not() -> None:
    scores = person_scores(both(reading((300, 200)), reading((300, 200), certainty=0.2)), *SIZE)
    assert scores[0] > 0.9
    assert scores[1] < 0.1


def test_nobody_where_the_net_says_so() -> None:
    people = replace(reading((300.0, 200.0)), person=np.array([0.01]))
    assert person_scores(people, *SIZE) == 0.0


def test_joints_beyond_the_image_do_not_count_against_a_person() -> None:
    cut = reading((630.0, 200.0))
    unsure_outside = np.where(cut.points_img_px[..., 0] > 639.5, 0.05, 0.7)
    assert person_scores(replace(cut, certainty=unsure_outside), *SIZE) > 0.9
    gone = reading((700.0, 200.0))
    assert person_scores(gone, *SIZE) < 0.1


def test_one_of_each_person_stays_the_surest_one_first() -> None:
    people = both(reading((100, 200)), reading((103, 201)), reading((400, 200)))
    np.testing.assert_array_equal(select(people, np.array([0.7, 0.8, 0.9]), 10), [2, 1])
    np.testing.assert_array_equal(select(people, np.array([0.7, 0.8, 0.9]), 1), [2])
    assert select(Landmarks.none(), np.zeros(0), 10).size == 0


def test_a_body_turned_round_is_the_same_one() -> None:
    people = both(reading((100, 200)), reading((100, 200), turned=True))
    assert similarity(people)[0, 1] > 0.9
    np.testing.assert_array_equal(select(people, np.array([0.7, 0.8]), 10), [1])


def test_a_body_squeezed_into_legs_is_a_part_of_another() -> None:
    whole = reading((300, 200), scale_px=150.0)
    order = [LANDMARKS.index_of[name] for name in ("L_Hip", "L_Knee", "L_Ankle")]
    hip, knee, ankle = whole.points_img_px[0, order]
    share = (standing_m()[:, 1] + 0.7) / 1.57
    along = np.where(share[:, None] < 0.5, hip + 2 * share[:, None] * (knee - hip), knee)
    along = np.where(share[:, None] >= 0.5, knee + (2 * share[:, None] - 1) * (ankle - knee), along)
    part = replace(reading((300, 200)), points_img_px=along[None])
    np.testing.assert_array_equal(select(both(whole, part), np.array([0.9, 0.8]), 10), [0])


def test_people_behind_each_other_both_stay() -> None:
    people = both(reading((300, 200), scale_px=150.0), reading((360, 190), scale_px=120.0))
    assert len(select(people, np.array([0.8, 0.9]), 10)) == 2


def test_a_child_before_an_adult_drops_nobody() -> None:
    people = both(reading((300, 200), scale_px=150.0), reading((330, 260), scale_px=75.0))
    assert len(select(people, np.array([0.8, 0.9]), 10)) == 2


def test_landmarks_without_a_pixel_are_left_out() -> None:
    points = reading((300.0, 200.0)).points_img_px.copy()
    points[0, LANDMARKS.index_of["L_Wrist"]] = np.nan
    lacking = replace(reading((300.0, 200.0)), points_img_px=points)
    assert np.isfinite(sizes(lacking)).all()
    np.testing.assert_array_equal(select(both(lacking, reading((300, 200))), np.array([0.7, 0.8]), 10), [1])
    assert 0.5 < person_scores(lacking, *SIZE)[0] < person_scores(reading((300.0, 200.0)), *SIZE)[0] + 1e-9


def test_visible_box_is_that_of_visible_landmarks() -> None:
    people = reading((300.0, 200.0))
    below = people.points_img_px[..., 1] > 210
    low, high = visible_boxes(replace(people, visibility=np.where(below, 0.1, 0.9)))
    assert high[0, 1] <= 210
    assert low[0, 1] == pytest.approx(people.points_img_px[0, :, 1].min())
    hidden = replace(people, visibility=np.zeros((1, 33)))
    np.testing.assert_allclose(visible_boxes(hidden)[1][0], people.points_img_px[0].max(axis=0))
