"""Detection transformers and torchvision's detectors: boxes worked by hand, through the real engine and stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto, helper

from pose3d_ros.errors import EngineError
from pose3d_ros.records import Frame
from pose3d_ros.stages.detect.detector import Detector

Make = Callable[..., Detector]
MakeFrame = Callable[..., Frame]
Outputs = dict[str, npt.NDArray[Any]]

SIZED = {"images": ("N", 3, 64, 64), "orig_target_sizes": ("N", 2)}
ANY_SIZE = {"images": (3, "height", "width")}
LOGIT_08 = float(np.log(4.0))
"""sigmoid(ln 4) = 0.8."""


def rtdetr(labels: list[int], boxes: list[list[float]], scores: list[float]) -> Outputs:
    return {
        "labels": np.array([labels], np.int64),
        "boxes": np.array(boxes, np.float32).reshape(1, -1, 4),
        "scores": np.array([scores], np.float32),
    }


def torchvision(labels: list[int], boxes: list[list[float]], scores: list[float]) -> Outputs:
    return {
        "boxes": np.array(boxes, np.float32).reshape(-1, 4),
        "labels": np.array(labels, np.int64),
        "scores": np.array(scores, np.float32),
    }


def detr(logits: list[list[float]], boxes: list[list[float]]) -> Outputs:
    return {"logits": np.array([logits], np.float32), "pred_boxes": np.array([boxes], np.float32)}


def test_rtdetr_stretches_the_image(constant_detector: Make, frame: MakeFrame) -> None:
    raw = rtdetr([0, 2], [[16, 32, 48, 64], [0, 0, 64, 64]], [0.7, 0.9])
    (found,) = constant_detector("rtdetr", raw, SIZED)(frame(101, 51))
    # 64 input pixels are 101 across and 51 down: 16·101/64, 32·51/64, 48·101/64, 51.
    np.testing.assert_allclose(found.box_xyxy_px, np.array([25.25, 25.5, 75.75, 51.0]) - 0.5)
    assert found.score == pytest.approx(0.7)


def test_rtdetr_is_given_the_size_that_its_boxes_are_scaled_to(
    red_box_detector: Make, frame: MakeFrame, tools: Any
) -> None:
    # As the official export does: boxes in 0–1 of the input, times orig_target_sizes (width, height) twice.
    node = helper.make_node
    head = [
        tools.constant("input_size", np.array([[64, 32, 64, 32]], np.float32)),
        tools.constant("front", np.array([0])),
        tools.constant("labels", np.array([[0]])),
        tools.constant("scores", np.array([[0.9]], np.float32)),
        node("Div", ["edges", "input_size"], ["relative"]),
        node("Cast", ["orig_target_sizes"], ["size"], to=TensorProto.FLOAT),
        node("Concat", ["size", "size"], ["sizes"], axis=1),
        node("Mul", ["relative", "sizes"], ["scaled"]),
        node("Unsqueeze", ["scaled", "front"], ["boxes"]),
    ]
    inputs = [tools.value("images", (1, 3, 32, 64)), tools.value("orig_target_sizes", (1, 2), np.int64)]
    outputs = [
        tools.value("labels", (1, 1), np.int64),
        tools.value("boxes", (1, 1, 4)),
        tools.value("scores", (1, 1)),
    ]
    detector = red_box_detector("rtdetr", inputs, outputs, head, (64, 32))
    # 128x128 is halved across and quartered down.
    (found,) = detector(frame(128, 128, red=(20, 8, 60, 100)))
    np.testing.assert_allclose(found.box_xyxy_px, np.array([20, 8, 60, 100]) - 0.5, atol=1e-4)


def test_ultralytics_rtdetr(constant_detector: Make, frame: MakeFrame) -> None:
    output = np.zeros((1, 4, 4 + 3), np.float32)
    output[0, 1] = (0.5, 0.75, 0.5, 0.5, 0.7, 0.1, 0.2)
    output[0, 2] = (0.5, 0.5, 0.5, 0.5, 0.3, 0.1, 0.8)
    (found,) = constant_detector("rtdetr_ultralytics", {"output0": output})(frame(101, 51))
    np.testing.assert_allclose(found.box_xyxy_px, np.array([25.25, 25.5, 75.75, 51.0]) - 0.5)
    assert found.score == pytest.approx(0.7)


def test_detr_logits_with_sigmoid(constant_detector: Make, frame: MakeFrame) -> None:
    raw = detr([[LOGIT_08, 5.0], [-4.0, 9.0]], [[0.5, 0.75, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
    (found,) = constant_detector("detr_logits", raw, {"pixel_values": (1, 3, 64, 64)})(frame(101, 51))
    np.testing.assert_allclose(found.box_xyxy_px, np.array([25.25, 25.5, 75.75, 51.0]) - 0.5)
    assert found.score == pytest.approx(0.8)


def test_detr_logits_with_softmax(constant_detector: Make, frame: MakeFrame) -> None:
    # Of the classes none, person, dog and no object: e^ln 6 / (1 + 6 + 1 + 2) = 0.6; a dog; a person below nothing.
    ln = np.log
    logits = [[0.0, ln(6.0), 0.0, ln(2.0)], [0.0, 1.0, 3.0, 0.0], [0.0, ln(4.0), 0.0, ln(14.0)]]
    boxes = [[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0], [0.25, 0.25, 0.5, 0.5]]
    entry = {"parameters": {"activation": "softmax", "person_class": 1}}
    found = constant_detector("detr_logits", detr(logits, boxes), entry=entry)(frame(64, 64))
    assert [d.score for d in found] == pytest.approx([0.6, 0.2])
    np.testing.assert_allclose(found[0].box_xyxy_px, np.array([16, 16, 48, 48]) - 0.5)


def test_torchvision_reads_the_image_at_its_own_size(red_box_detector: Make, frame: MakeFrame, tools: Any) -> None:
    head = [
        tools.constant("labels", np.array([1])),
        tools.constant("scores", np.array([0.9], np.float32)),
        helper.make_node("Identity", ["edges"], ["boxes"]),
    ]
    outputs = [
        tools.value("boxes", ("n", 4)),
        tools.value("labels", ("n",), np.int64),
        tools.value("scores", ("n",)),
    ]
    detector = red_box_detector("torchvision", [tools.value("images", (3, "h", "w"))], outputs, head, None)
    (found,) = detector(frame(101, 51, red=(7, 5, 30, 48)))
    np.testing.assert_allclose(found.box_xyxy_px, np.array([7, 5, 30, 48]) - 0.5)


def test_torchvision_labels(constant_detector: Make, frame: MakeFrame) -> None:
    raw = torchvision([18, 1, 1], [[0, 0, 9, 9], [10, 20, 30, 40], [50, 5, 60, 25]], [0.9, 0.1, 0.8])
    (found,) = constant_detector("torchvision", raw, ANY_SIZE, {"input_size_px": None})(frame(101, 51))
    np.testing.assert_allclose(found.box_xyxy_px, np.array([50, 5, 60, 25]) - 0.5)


def test_torchvision_in_a_fixed_input(constant_detector: Make, frame: MakeFrame) -> None:
    # 128x96 is halved.
    raw = torchvision([1], [[10, 20, 30, 40]], [0.9])
    (found,) = constant_detector("torchvision", raw)(frame(128, 96))
    np.testing.assert_allclose(found.box_xyxy_px, np.array([20, 40, 60, 80]) - 0.5)


@pytest.mark.parametrize(
    ("decoder", "raw", "inputs"),
    [
        ("rtdetr", rtdetr([0], [[0, 0, 64, 64]], [0.05]), SIZED),
        ("rtdetr_ultralytics", {"output0": np.zeros((1, 300, 84), np.float32)}, {"images": (1, 3, 64, 64)}),
        ("detr_logits", detr([[-9.0]], [[0.5, 0.5, 1, 1]]), {"images": (1, 3, 64, 64)}),
        ("torchvision", torchvision([], [], []), {"images": (3, 64, 64)}),
    ],
)
def test_no_people(constant_detector: Make, frame: MakeFrame, decoder: str, raw: Outputs, inputs: Any) -> None:
    assert constant_detector(decoder, raw, inputs)(frame(101, 51)) == ()


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
def test_wrong_outputs_are_refused(
    constant_detector: Make, frame: MakeFrame, decoder: str, raw: Outputs, message: str
) -> None:
    inputs = SIZED if decoder == "rtdetr" else {"images": (1, 3, 64, 64)}
    with pytest.raises(EngineError, match=message):
        constant_detector(decoder, raw, inputs)(frame(64, 64))


def test_softmax_needs_a_class_for_no_object(constant_detector: Make, frame: MakeFrame) -> None:
    entry = {"parameters": {"activation": "softmax"}}
    with pytest.raises(EngineError, match="decoder detr_logits"):
        constant_detector("detr_logits", detr([[1.0]], [[0.5, 0.5, 1, 1]]), entry=entry)(frame(64, 64))
