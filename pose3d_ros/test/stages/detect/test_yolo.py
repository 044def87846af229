"""YOLOX and Ultralytics exports: boxes worked by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from pose3d_ros.errors import EngineError
from pose3d_ros.geometry.letterbox import Letterbox
from pose3d_ros.stages.detect.yolo import grid_cells

from ...conftest import Tensors
from .conftest import answering, assert_box, detect, detector, frame, red_edges

CELLS = 84
"""Of a 64x64 input: 8·8 + 4·4 + 2·2."""
HALF = (128, 96)
"""An image that is halved into 64x48 of a 64x64 input."""


def yolox(rows: Mapping[int, tuple[float, ...]], classes: int = 3, cells: int = CELLS) -> Tensors:
    """Index of a cell → x, y, w, h, objectness, class scores; the other cells are background."""
    output = np.zeros((1, cells, 5 + classes), dtype=np.float32)
    for index, row in rows.items():
        output[0, index, : len(row)] = row
    return {"output": output}


def yolov8(rows: Mapping[int, tuple[float, ...]], classes: int = 3) -> Tensors:
    """Index of a cell → center x, center y, w, h, class scores."""
    output = np.zeros((1, 4 + classes, CELLS), dtype=np.float32)
    for index, row in rows.items():
        output[0, : len(row), index] = row
    return {"output0": output}


def end2end(*rows: tuple[float, ...]) -> Tensors:
    return {"output0": np.array([[*rows, (0.0,) * 6]], dtype=np.float32)}


def test_grid_goes_through_the_levels_row_by_row() -> None:
    cells = grid_cells(Letterbox.fit_inside(64, 32, 64, 32), (8, 16, 32))
    assert cells.shape == (8 * 4 + 4 * 2 + 2 * 1, 3)
    assert cells[[0, 1, 8, 31]].tolist() == [[0, 0, 8], [1, 0, 8], [0, 1, 8], [7, 3, 8]]
    assert cells[[32, 36, 39, 40, 41]].tolist() == [[0, 0, 16], [0, 1, 16], [3, 1, 16], [0, 0, 32], [1, 0, 32]]


@pytest.mark.parametrize(
    ("cell", "row", "box", "score"),
    [
        # Stride 8, column 2, row 1: center (16, 8) and size 8.
        (10, (0.0, 0.0, 0.0, 0.0, 1.0, 0.5), (12, 4, 20, 12), 0.5),
        # Stride 16, column 2, row 1: center (40, 20) and size 32x24.
        (70, (0.5, 0.25, np.log(2.0), np.log(1.5), 0.8, 0.75), (24, 8, 56, 32), 0.6),
        # Stride 32, column 1, row 1: center (16, 48) and size 16x32.
        (83, (-0.5, 0.5, np.log(0.5), 0.0, 0.5, 0.6), (8, 32, 24, 64), 0.3),
    ],
)
def test_yolox_decodes_every_level(cell: int, row: Any, box: Any, score: float) -> None:
    (found,) = detect("yolox_raw", yolox({cell: row}), frame(64, 64))
    assert_box(found, box, atol=1e-5)
    assert found.score == pytest.approx(score, abs=1e-6)


def test_decoded_yolox_boxes_are_mapped_to_the_image() -> None:
    (found,) = detect("yolox_decoded", yolox({3: (40, 20, 32, 24, 0.8, 0.75)}), frame(*HALF))
    # 24, 8, 56, 32 in the input is twice that in the image.
    assert_box(found, (48, 16, 112, 64), atol=1e-4)
    assert found.score == pytest.approx(0.6, abs=1e-6)


def test_yolov8_in_an_image_of_odd_size() -> None:
    # 101x51 becomes 64x32 with 16 rows above. Input 16..48 by 24..40 is 16·101/64.. and (24 − 16)·51/32..
    (found,) = detect("yolov8", yolov8({5: (32, 32, 32, 16, 0.7)}), frame(101, 51))
    assert_box(found, (25.25, 12.75, 75.75, 38.25))
    assert found.score == pytest.approx(0.7)


def test_box_over_the_padding_is_clipped_and_one_in_it_dropped() -> None:
    (found,) = detect("yolov8", yolov8({5: (32, 32, 100, 100, 0.7)}), frame(101, 51))
    np.testing.assert_allclose(found.box_xyxy_px, [-0.5, -0.5, 100.5, 50.5])
    assert detect("yolov8", yolov8({5: (32, 6, 20, 8, 0.7)}), frame(101, 51)) == ()


@pytest.mark.parametrize(
    ("decoder", "raw"),
    [
        ("yolox_decoded", yolox({1: (20, 20, 10, 10, 0.9, 0.4, 0.6), 2: (20, 40, 10, 10, 0.9, 0.5, 0.4)})),
        ("yolov8", yolov8({1: (20, 20, 10, 10, 0.4, 0.6), 2: (20, 40, 10, 10, 0.45, 0.4)})),
        ("yolo_end2end", end2end((15, 15, 25, 25, 0.6, 1), (15, 35, 25, 45, 0.45, 0))),
    ],
)
def test_other_classes_are_ignored(decoder: str, raw: Tensors) -> None:
    (found,) = detect(decoder, raw, frame(64, 64))
    assert_box(found, (15, 35, 25, 45))
    assert found.score == pytest.approx(0.45)
    (other,) = detect(decoder, raw, frame(64, 64), entry={"parameters": {"person_class": 1}})
    assert_box(other, (15, 15, 25, 25))


def test_threshold_and_suppression() -> None:
    rows = {1: (20, 20, 20, 20, 0.6), 2: (22, 20, 20, 20, 0.9), 3: (50, 50, 10, 10, 0.5), 4: (10, 50, 10, 10, 0.29)}
    found = detect("yolov8", yolov8(rows), frame(64, 64), score_threshold=0.3, nms_iou=0.5)
    assert [d.score for d in found] == pytest.approx([0.9, 0.5])
    found = detect("yolov8", yolov8(rows), frame(64, 64), score_threshold=0.3, nms_iou=0.9, max_people=2)
    assert [d.score for d in found] == pytest.approx([0.9, 0.6])


def test_boxes_of_an_end_to_end_network_are_not_suppressed() -> None:
    raw = end2end((10, 10, 30, 30, 0.6, 0), (11, 10, 31, 30, 0.9, 0), (12, 10, 32, 30, 0.7, 0))
    found = detect("yolo_end2end", raw, frame(64, 64), nms_iou=0.3, max_people=2)
    assert [d.score for d in found] == pytest.approx([0.9, 0.7])


@pytest.mark.parametrize(
    ("decoder", "raw"),
    [("yolox_raw", yolox({})), ("yolox_decoded", yolox({})), ("yolov8", yolov8({})), ("yolo_end2end", end2end())],
)
def test_no_people(decoder: str, raw: Tensors) -> None:
    assert detect(decoder, raw, frame(101, 51)) == ()


def test_size_that_overflows_is_no_box() -> None:
    raw = yolox({70: (0.0, 0.0, 1e4, 0.0, 1.0, 1.0), 71: (np.nan, 0.0, 0.0, 0.0, 1.0, 1.0)})
    assert detect("yolox_raw", raw, frame(64, 64)) == ()


def test_grid_of_four_levels() -> None:
    raw = yolox({84: (0.0, 0.0, 0.0, 0.0, 1.0, 1.0)}, cells=85)
    entry = {"parameters": {"strides": [8.0, 16.0, 32.0, 64.0]}}
    (found,) = detect("yolox_raw", raw, frame(64, 64), entry=entry)
    np.testing.assert_allclose(found.box_xyxy_px, [-0.5, -0.5, 31.5, 31.5])


@pytest.mark.parametrize(
    ("decoder", "raw", "message"),
    [
        ("yolox_raw", yolox({}, cells=83), r"decoder yolox_raw: expected shape \(1, 84, 5 \+ classes\).*\(1, 83, 8\)"),
        ("yolox_raw", yolox({}, classes=0), "class 0"),
        ("yolox_decoded", {"output": np.zeros((2, CELLS, 8), np.float32)}, "decoder yolox_decoded"),
        ("yolov8", {"output0": np.zeros((1, CELLS, 7), np.float32)}, r"decoder yolov8: .*got \(1, 84, 7\)"),
        ("yolov8", {"output0": np.zeros((2, 7, CELLS), np.float32)}, "decoder yolov8"),
        ("yolo_end2end", yolov8({}), "decoder yolo_end2end"),
        ("yolov8", yolov8({1: (20, 20, 10, 10, 4.5)}), "decoder yolov8: expected . class scores in 0–1, got .* to 4.5"),
    ],
)
def test_wrong_outputs_are_refused(decoder: str, raw: Tensors, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        detect(decoder, raw, frame(64, 64))


def test_red_box_is_detected_at_its_position() -> None:
    engine = answering(end2end((0.0,) * 6), answer=lambda feeds: end2end((*red_edges(feeds), 0.9, 0.0)))
    # Halved and centered, the rectangle has whole pixels of the input; its edges come back exactly.
    (found,) = detector("yolo_end2end", engine)(frame(*HALF, red=(20, 10, 60, 90)))
    assert_box(found, (20, 10, 60, 90))
