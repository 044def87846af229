from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.geometry.boxes import iou_matrix, normalized_box, pixel_region, suppress
from pose3d_ros.types import Array

corner = st.floats(-50, 50)
size = st.floats(0.5, 60)
box = st.tuples(corner, corner, size, size).map(lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]])
boxes = st.lists(box, min_size=1, max_size=12).map(lambda b: np.array(b))


def test_iou_by_hand() -> None:
    a = np.array([[0.0, 0.0, 2.0, 2.0], [5.0, 5.0, 5.0, 5.0]])
    b = np.array([[1.0, 1.0, 3.0, 3.0], [0.0, 0.0, 2.0, 2.0], [2.0, 0.0, 4.0, 2.0], [5.0, 5.0, 5.0, 5.0]])
    np.testing.assert_allclose(iou_matrix(a, b), [[1 / 7, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])


@settings(deadline=None)
@given(boxes)
def test_iou_is_symmetric_and_one_with_itself(b: Array) -> None:
    iou = iou_matrix(b, b)
    np.testing.assert_allclose(iou, iou.T)
    np.testing.assert_allclose(np.diag(iou), 1.0)


@settings(deadline=None)
@given(boxes, st.floats(0.1, 0.9), st.integers(1, 12), st.integers(0, 1000))
def test_suppression_keeps_the_best_and_covers_the_rest(b: Array, max_iou: float, limit: int, seed: int) -> None:
    scores = np.random.default_rng(seed).random(len(b))
    kept = suppress(b, scores, max_iou, limit)
    assert len(kept) <= limit
    assert kept[0] == np.argmax(scores)
    assert (np.diff(scores[kept]) <= 0).all()
    among = iou_matrix(b[kept], b[kept]) - np.eye(len(kept))
    assert (among <= max_iou + 1e-9).all()
    if len(kept) < limit:
        assert (iou_matrix(b, b[kept]).max(axis=1) > max_iou).sum() == len(b)


def test_suppression_without_boxes_is_empty() -> None:
    assert suppress(np.zeros((0, 4)), np.zeros(0), 0.5, 5).shape == (0,)


def test_normalized_box_is_cut_at_the_image() -> None:
    np.testing.assert_allclose(normalized_box(np.array([-0.5, 9.5, 49.5, 49.5]), 100, 50), [0.0, 0.2, 0.5, 1.0])
    np.testing.assert_allclose(normalized_box(np.array([-30.0, -30.0, 300.0, 24.5]), 100, 50), [0.0, 0.0, 1.0, 0.5])


def test_pixel_region_is_of_all_pixels_that_a_box_touches() -> None:
    image = np.arange(50 * 100).reshape(50, 100)
    region = pixel_region(np.array([0.5, 1.6, 2.4, 3.5]), 100, 50)
    assert region is not None
    np.testing.assert_array_equal(image[region], image[2:4, 1:3])


def test_pixel_region_ends_at_the_image() -> None:
    region = pixel_region(np.array([-9.0, 40.0, 200.0, 90.0]), 100, 50)
    assert region == (slice(40, 50), slice(0, 100))
    assert pixel_region(np.array([120.0, 0.0, 140.0, 10.0]), 100, 50) is None
    assert pixel_region(np.array([0.0, np.nan, 4.0, 10.0]), 100, 50) is None
