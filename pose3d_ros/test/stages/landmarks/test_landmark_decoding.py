from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.errors import EngineError
from pose3d_ros.stages.landmarks.landmark_decoding import (
    Landmarks,
    decode_landmarks,
    next_regions,
    refined,
    sigmoid,
)

from .conftest import reading


def raw(people: int = 1, **changes: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    outputs = {
        "landmarks": np.zeros((people, 195), dtype=np.float32),
        "person": np.full((people, 1), 0.75, dtype=np.float32),
        "world": np.zeros((people, 117), dtype=np.float32),
        "heat": np.full((people, 39, 64, 64), -20.0, dtype=np.float32),
    }
    return {**outputs, **changes}


def test_outputs_by_hand() -> None:
    values = np.zeros((1, 39, 5), dtype=np.float32)
    values[0, 2] = [64.0, 32.0, 9.0, np.log(3.0), 5.0]
    values[0, 33], values[0, 34] = [128.0, 128.0, 0, 0, 0], [128.0, 28.0, 0, 0, 0]
    world = np.zeros((1, 39, 3), dtype=np.float32)
    world[0, 2] = [0.1, 0.2, 0.3]
    found = decode_landmarks(raw(landmarks=values.reshape(1, -1), world=world.reshape(1, -1)), 256)
    np.testing.assert_allclose(found.points_crop_px[0, 2], [63.5, 31.5])  # they count from the crop's edge
    np.testing.assert_allclose(found.next_crop_px[0], [[127.5, 127.5], [127.5, 27.5]])
    np.testing.assert_allclose(found.visibility[0, 2], 0.75, rtol=1e-6)
    np.testing.assert_allclose(found.world_m[0, 2], [0.1, 0.2, 0.3], rtol=1e-6)
    assert found.person == 0.75
    assert found.certainty.max() < 1e-6


def test_wrong_outputs_are_an_error() -> None:
    with pytest.raises(EngineError, match="output world"):
        decode_landmarks(raw(2, world=np.zeros((1, 117), np.float32)), 256)


def test_landmark_moves_to_the_middle_of_its_heat_map() -> None:
    heat = np.full((1, 1, 64, 64), -50.0)
    heat[0, 0, 20, 30], heat[0, 0, 20, 32] = np.log(3.0), np.log(3.0)
    points, certainty = refined(np.array([[[30.5 / 64, 19.5 / 64]]]), heat)
    np.testing.assert_allclose(points[0, 0] * 64, [31.0, 20.0])
    np.testing.assert_allclose(certainty, 0.75)


def test_landmark_stays_where_its_heat_map_is_low_far_or_absent() -> None:
    heat = np.full((1, 3, 64, 64), -50.0)
    heat[0, 0, 20, 30] = -1.0
    heat[0, 1, 20, 40] = 5.0
    heat[0, 2] = 5.0
    given = np.array([[[30.5, 19.5], [30.5, 19.5], [70.0, 10.0]]]) / 64
    points, certainty = refined(given, heat)
    np.testing.assert_array_equal(points, given)
    np.testing.assert_allclose(certainty[0], [1 / (1 + np.e), 0.0, 0.0], atol=1e-12)


def test_window_is_cut_at_the_edge_of_the_map() -> None:
    heat = np.full((1, 1, 64, 64), -50.0)
    heat[0, 0, 0, 0] = 5.0
    points, _ = refined(np.array([[[1.5, 1.5]]]) / 64, heat)
    np.testing.assert_allclose(points, 0.0)


def test_sigmoid_of_great_logits() -> None:
    np.testing.assert_allclose(sigmoid(np.array([-1e4, 0.0, 1e4], dtype=np.float32)), [0.0, 0.5, 1.0])


def test_next_region_stands_on_the_hips_and_points_to_the_head() -> None:
    regions = next_regions(np.array([[[10.0, 20.0], [50.0, 20.0]], [[3.0, 4.0], [3.0, 4.0]]]))
    np.testing.assert_allclose(regions.centers_px, [[10.0, 20.0], [3.0, 4.0]])
    np.testing.assert_allclose(regions.sides_px[0], 2 * 1.25 * 40)
    np.testing.assert_allclose(regions.angles_rad, [np.pi / 2, 0.0])  # one without a direction is upright
    assert regions.sides_px[1] > 0


def test_chosen_and_joined() -> None:
    several = reading((100.0, 200.0), (300.0, 200.0))
    second = several.chosen(np.array([1]))
    np.testing.assert_array_equal(second.points_img_px[0], several.points_img_px[1])
    joined = Landmarks.concatenated([Landmarks.none(), second, several.chosen(np.array([True, False]))])
    assert len(joined) == len(joined.next_regions) == 2
    np.testing.assert_array_equal(joined.next_regions.centers_px, several.next_regions.centers_px[::-1])
