"""Detection transformers and torchvision's detectors: boxes worked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.errors import EngineError

from ...conftest import Shapes, Tensors
from .conftest import IMAGE, answering, assert_box, detect, detector, frame, red_edges

SIZED: Shapes = {"images": ("N", 3, 64, 64), "orig_target_sizes": ("N", 2)}
ANY_SIZE: Shapes = {"images": (3, "height", "width")}
LOGIT_08 = float(np.log(4.0))
"""sigmoid(ln 4) = 0.8."""


def rtdetr(labels: list[int], boxes: Sequence[npt.ArrayLike], scores: list[float]) -> Tensors:
    return {
        "labels": np.array([labels], np.int64),
        "boxes": np.array(boxes, np.float32).reshape(1, -1, 4),
        "scores": np.array([scores], np.float32),
    }


def torchvision(labels: list[int], boxes: Sequence[npt.ArrayLike], scores: list[float]) -> Tensors:
    return {
        "boxes": np.array(boxes, np.float32).reshape(-1, 4),
        "labels": np.array(labels, np.int64),
        "scores": np.array(scores, np.float32),
    }


def detr(logits: list[list[float]], boxes: Sequence[npt.ArrayLike]) -> Tensors:
    return {"logits": np.array([logits], np.float32), "pred_boxes": np.array([boxes], np.float32)}


def test_rtdetr_stretches_the_image() -> None:
    raw = rtdetr([0, 2], [[16, 32, 48, 64], [0, 0, 64, 64]], [0.7, 0.9])
    (found,) = detect("rtdetr", raw, frame(101, 51), SIZED)
    # 64 input pixels are 101 across and 51 down: 16·101/64, 32·51/64, 48·101/64, 51.
    assert_box(found, (25.25, 25.5, 75.75, 51.0))
    assert found.score == pytest.approx(0.7)


def test_rtdetr_is_given_the_size_that_its_boxes_are_scaled_to() -> None:
    # As the official export does: boxes in 0–1 of the input, times orig_target_sizes (width, height) twice.
    def answer(feeds: Tensors) -> Tensors:
        relative = red_edges(feeds) / (64, 32, 64, 32)
        return rtdetr([0], [relative * np.tile(feeds["orig_target_sizes"][0], 2)], [0.9])

    inputs: Shapes = {"images": (1, 3, 32, 64), "orig_target_sizes": (1, 2)}
    engine = answering(rtdetr([0], [[0.0] * 4], [0.9]), inputs, answer)
    # 128x128 is halved across and quartered down.
    (found,) = detector("rtdetr", engine, {"input_size_px": (64, 32)})(frame(128, 128, red=(20, 8, 60, 100)))
    assert_box(found, (20, 8, 60, 100), atol=1e-4)


def test_ultralytics_rtdetr() -> None:
    output = np.zeros((1, 4, 4 + 3), np.float32)
    output[0, 1] = (0.5, 0.75, 0.5, 0.5, 0.7, 0.1, 0.2)
    output[0, 2] = (0.5, 0.5, 0.5, 0.5, 0.3, 0.1, 0.8)
    (found,) = detect("rtdetr_ultralytics", {"output0": output}, frame(101, 51))
    assert_box(found, (25.25, 25.5, 75.75, 51.0))
    assert found.score == pytest.approx(0.7)


def test_detr_logits_with_sigmoid() -> None:
    raw = detr([[LOGIT_08, 5.0], [-4.0, 9.0]], [[0.5, 0.75, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
    (found,) = detect("detr_logits", raw, frame(101, 51), {"pixel_values": (1, 3, 64, 64)})
    assert_box(found, (25.25, 25.5, 75.75, 51.0))
    assert found.score == pytest.approx(0.8)


def test_detr_logits_with_softmax() -> None:
    # Of the classes none, person, dog and no object: e^ln 6 / (1 + 6 + 1 + 2) = 0.6; a dog; a person below nothing.
    ln = np.log
    logits = [[0.0, ln(6.0), 0.0, ln(2.0)], [0.0, 1.0, 3.0, 0.0], [0.0, ln(4.0), 0.0, ln(14.0)]]
    boxes = [[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0], [0.25, 0.25, 0.5, 0.5]]
    entry = {"parameters": {"activation": "softmax", "person_class": 1}}
    found = detect("detr_logits", detr(logits, boxes), frame(64, 64), entry=entry)
    assert [d.score for d in found] == pytest.approx([0.6, 0.2])
    assert_box(found[0], (16, 16, 48, 48))


def test_torchvision_reads_the_image_at_its_own_size() -> None:
    engine = answering(
        torchvision([1], [[0.0] * 4], [0.9]), ANY_SIZE, lambda f: torchvision([1], [red_edges(f)], [0.9])
    )
    (found,) = detector("torchvision", engine, {"input_size_px": None})(frame(101, 51, red=(7, 5, 30, 48)))
    assert_box(found, (7, 5, 30, 48))


def test_torchvision_labels() -> None:
    raw = torchvision([18, 1, 1], [[0, 0, 9, 9], [10, 20, 30, 40], [50, 5, 60, 25]], [0.9, 0.1, 0.8])
    (found,) = detect("torchvision", raw, frame(101, 51), ANY_SIZE, {"input_size_px": None})
    assert_box(found, (50, 5, 60, 25))


def test_torchvision_in_a_fixed_input() -> None:
    # 128x96 is halved.
    raw = torchvision([1], [[10, 20, 30, 40]], [0.9])
    (found,) = detect("torchvision", raw, frame(128, 96))
    assert_box(found, (20, 40, 60, 80))


def mmdeploy(labels: list[int], boxes: Sequence[npt.ArrayLike], scores: list[float]) -> Tensors:
    edges = np.array(boxes, np.float32).reshape(1, -1, 4)
    rows = np.array(scores, np.float32).reshape(1, -1, 1)
    return {"dets": np.concatenate([edges, rows], axis=2), "labels": np.array([labels], np.int64)}


def test_mmdeploy_fits_the_image_at_the_top_left() -> None:
    raw = mmdeploy([0, 5, -1], [[8, 16, 24, 32], [0, 0, 64, 64], [0, 0, 0, 0]], [0.7, 0.9, 0.0])
    (found,) = detect("mmdeploy", raw, frame(128, 64), {"input": (1, 3, 64, 64)})
    assert_box(found, (16.0, 32.0, 48.0, 64.0))
    assert found.score == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("decoder", "raw", "inputs"),
    [
        ("rtdetr", rtdetr([0], [[0, 0, 64, 64]], [0.05]), SIZED),
        ("rtdetr_ultralytics", {"output0": np.zeros((1, 300, 84), np.float32)}, IMAGE),
        ("detr_logits", detr([[-9.0]], [[0.5, 0.5, 1, 1]]), IMAGE),
        ("torchvision", torchvision([], [], []), {"images": (3, 64, 64)}),
    ],
)
def test_no_people(decoder: str, raw: Tensors, inputs: Any) -> None:
    assert detect(decoder, raw, frame(101, 51), inputs) == ()


@pytest.mark.parametrize(
    ("decoder", "raw", "message"),
    [
        ("rtdetr", rtdetr([0], [[0, 0, 9, 9]] * 2, [0.5]), r"decoder rtdetr: .*got \(1, 1\), \(1, 2, 4\) and \(1, 1\)"),
        ("rtdetr", {k: np.repeat(v, 2, 0) for k, v in rtdetr([0], [[0, 0, 9, 9]], [0.5]).items()}, "decoder rtdetr"),
        ("torchvision", torchvision([1], [[0, 0, 9, 9]] * 2, [0.5]), "decoder torchvision"),
        ("detr_logits", detr([[0.0]], [[0, 0, 1, 1]] * 2), "decoder detr_logits"),
        ("rtdetr_ultralytics", {"output0": np.zeros((1, 300, 4), np.float32)}, "decoder rtdetr_ultralytics.*class 0"),
        ("rtdetr", rtdetr([0], [[0, 0, 9, 9]], [4.0]), "expected scores in 0–1, got 4"),
    ],
)
def test_wrong_outputs_are_refused(decoder: str, raw: Tensors, message: str) -> None:
    inputs = SIZED if decoder == "rtdetr" else IMAGE
    with pytest.raises(EngineError, match=message):
        detect(decoder, raw, frame(64, 64), inputs)


def test_softmax_needs_a_class_for_no_object() -> None:
    entry = {"parameters": {"activation": "softmax"}}
    with pytest.raises(EngineError, match="decoder detr_logits"):
        detect("detr_logits", detr([[1.0]], [[0.5, 0.5, 1, 1]]), frame(64, 64), entry=entry)
