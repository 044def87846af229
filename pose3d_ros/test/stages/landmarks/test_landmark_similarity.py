from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.stages.landmarks.landmark_similarity import (
    body_similarity,
    share_on_limbs,
    similarity,
    sizes,
    visible_boxes,
)

from .conftest import LANDMARKS, reading


def test_similarity_falls_with_distance_in_proportion_to_size() -> None:
    people = Landmarks.concatenated([reading((100, 200)), reading((110, 200)), reading((400, 200))])
    alike = body_similarity(people)
    sigma_px = 0.1 * sizes(people)[0]
    np.testing.assert_allclose(alike[0, 1], np.exp(-(10.0**2) / (2 * sigma_px**2)), rtol=1e-6)
    np.testing.assert_allclose(np.diag(alike), 1.0)
    assert alike[0, 2] < 1e-6
    assert (similarity(people) >= alike).all()


def test_a_shared_head_is_enough() -> None:
    people = Landmarks.concatenated([reading((100, 200)), reading((100, 200))])
    below = [i for i, name in enumerate(LANDMARKS.joints) if name[2:] in ("Hip", "Knee", "Ankle", "Elbow", "Wrist")]
    people.points_img_px[1, below] += 60.0
    assert body_similarity(people)[0, 1] < 0.5
    assert similarity(people)[0, 1] > 0.9


def test_turned_round_the_sides_are_exchanged() -> None:
    people = Landmarks.concatenated([reading((100, 200)), reading((100, 200), turned=True)])
    assert body_similarity(people)[0, 1] < similarity(people)[0, 1]
    assert similarity(people)[0, 1] > 0.9


def test_share_on_limbs_is_of_the_row_on_the_column() -> None:
    people = Landmarks.concatenated([reading((300, 200), scale_px=150.0), reading((300, 190), scale_px=60.0)])
    share = share_on_limbs(people)
    assert share[1, 0] > share[0, 1]
    np.testing.assert_array_equal(np.diag(share), 0.0)


def test_landmarks_without_a_pixel_have_no_part() -> None:
    people = Landmarks.concatenated([reading((300.0, 200.0)), reading((300.0, 200.0))])
    people.points_img_px[0, LANDMARKS.index_of["L_Wrist"]] = np.nan
    assert np.isfinite(sizes(people)).all()
    assert 0.8 < body_similarity(people)[0, 1] < 1.0
    assert np.isfinite(share_on_limbs(people)).all()


def test_visible_box_is_that_of_visible_landmarks() -> None:
    people = reading((300.0, 200.0))
    below = people.points_img_px[..., 1] > 210
    low, high = visible_boxes(replace(people, visibility=np.where(below, 0.1, 0.9)))
    assert high[0, 1] <= 210
    assert low[0, 1] == pytest.approx(people.points_img_px[0, :, 1].min())
    hidden = replace(people, visibility=np.zeros((1, 33)))
    np.testing.assert_allclose(visible_boxes(hidden)[1][0], people.points_img_px[0].max(axis=0))
