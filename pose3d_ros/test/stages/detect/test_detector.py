from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pose3d_ros.engines import Normalization
from pose3d_ros.engines.spec.presets import PRESETS
from pose3d_ros.errors import EngineError
from pose3d_ros.records import Detection
from pose3d_ros.stages.detect.detector_decoders import DETECTOR_DECODERS

from ...conftest import AnsweringEngine, Cell, Shapes, Tensors, heat_maps
from .conftest import IMAGE, answering, assert_box, detect, detector, frame

BOXES, LABELS, SCORES = np.array([[8, 8, 40, 40]], np.float32), np.array([1]), np.array([0.9], np.float32)


def detect_cells(*cells: Cell, **config: Any) -> tuple[Detection, ...]:
    """The detections in a 640x480 image."""
    return detector("centre_ltrb", heat_maps(*cells), {"input_size_px": None}, **config)(frame(640, 480))


def test_cell_decodes_to_its_box() -> None:
    # 640x480 is halved to 320x240. Cell (10, 5) has its center at input pixel (43.5, 83.5); the box there is
    # 23.5..63.5 by 33.5..143.5, and twice (u' + 0.5) less 0.5 in the image.
    (found,) = detect_cells((10, 5, 0.75, (20, 50, 20, 60)))
    assert found.score == pytest.approx(0.75)
    assert_box(found, (48, 68, 128, 288))


def test_peaks_over_the_threshold_are_detected() -> None:
    sides = (8.0, 8.0, 8.0, 8.0)
    cells = [(5, 5, 0.9, sides), (5, 6, 0.8, sides), (20, 20, 0.2, sides), (20, 30, 0.5, sides)]
    assert [d.score for d in detect_cells(*cells, score_threshold=0.3)] == pytest.approx([0.9, 0.5])


def test_overlapping_boxes_leave_the_best() -> None:
    wide = (40.0, 40.0, 40.0, 40.0)
    found = detect_cells((10, 10, 0.6, wide), (10, 12, 0.9, wide), nms_iou=0.5)
    assert [d.score for d in found] == pytest.approx([0.9])


@pytest.mark.parametrize("sides", [(-5, 5, 2, 5), (np.nan, 5, 5, 5), (0.1, 0.1, 0.1, 0.1)])
def test_boxes_without_an_area_are_dropped(sides: tuple[float, float, float, float]) -> None:
    assert detect_cells((5, 5, 0.9, sides)) == ()


def test_no_peak_is_no_detection() -> None:
    assert detect_cells() == ()


def test_input_is_normalized_rgb_with_neutral_padding() -> None:
    engine = heat_maps()
    normalization = Normalization(1 / 255, (0.5, 0.25, 0.0), (0.5, 0.25, 1.0), "rgb")
    shown = frame(640, 480)
    shown.image_bgr[...] = (51, 102, 255)
    detector("centre_ltrb", engine, {"input_size_px": None, "normalization": normalization})(shown)
    image = engine.calls[0]["image"]
    assert image.shape == (1, 3, 256, 320)
    np.testing.assert_allclose(image[0, :, 120, 100], [1.0, 0.6, 0.2], atol=1e-6)
    assert (image[0, :, 240:] == 0).all()


@pytest.mark.parametrize(
    ("preset", "answer", "corner", "middle"),
    [
        ("yolox", (1, 84, 85), [10.0, 20.0, 30.0], [10.0, 20.0, 30.0]),
        ("yolov10", (1, 300, 6), [114 / 255] * 3, [30 / 255, 20 / 255, 10 / 255]),
        ("rtdetr_ultralytics", (1, 300, 84), [30 / 255, 20 / 255, 10 / 255], [30 / 255, 20 / 255, 10 / 255]),
    ],
)
def test_input_of_a_preset(preset: str, answer: Any, corner: list[float], middle: list[float]) -> None:
    engine = answering({"output0": np.zeros(answer, np.float32)})
    shown = frame(128, 64)
    shown.image_bgr[...] = (10, 20, 30)
    detector(PRESETS[preset].decoder, engine, {"normalization": PRESETS[preset].normalization})(shown)
    tensor = engine.calls[0]["images"]
    np.testing.assert_allclose(tensor[0, :, 0, 0], corner, rtol=1e-6)
    np.testing.assert_allclose(tensor[0, :, 31, 31], middle, rtol=1e-6)
    if preset == "yolox":
        assert (tensor[0, :, 32:] == 114).all()


def test_half_precision_input_of_any_size() -> None:
    output = {"output0": np.zeros((1, 1, 6), np.float32)}
    shapes: Shapes = {"output0": (1, 1, 6)}
    engine = AnsweringEngine(lambda feeds: output, {"images": ("batch", 3, "h", "w")}, shapes, {"images": "float16"})
    entry = {"input_size_px": None, "parameters": {"long_side_px": 96}}
    detector("yolo_end2end", engine, entry)(frame(128, 64))
    assert engine.calls[0]["images"].dtype == np.float16
    assert engine.calls[0]["images"].shape == (1, 3, 64, 96)


@pytest.mark.parametrize(
    "outputs",
    [
        {"12": BOXES, "13": LABELS, "14": SCORES},  # Faster R-CNN
        {"12": BOXES, "13": SCORES, "14": LABELS},  # RetinaNet, SSD
        {"scores": SCORES, "labels": LABELS, "boxes": BOXES},
    ],
)
def test_outputs_are_found_by_name_or_kind(outputs: Tensors) -> None:
    engine = AnsweringEngine(
        lambda feeds: outputs,
        IMAGE,
        {name: array.shape for name, array in outputs.items()},
        {name: str(array.dtype) for name, array in outputs.items()},
    )
    (found,) = detector("torchvision", engine)(frame(64, 64))
    assert_box(found, (8, 8, 40, 40))


def test_outputs_are_found_by_the_names_in_the_parameters() -> None:
    # As RF-DETR names them: `labels` are its logits.
    outputs = {
        "dets": np.array([[[0.5, 0.5, 0.5, 0.5]]], np.float32),
        "labels": np.array([[[0.0, 2.0, 0.0, 0.0]]], np.float32),
    }
    entry = {"parameters": {"outputs": ["labels", "dets"], "person_class": 1}}
    (found,) = detect("detr_logits", outputs, frame(64, 64), entry=entry)
    assert_box(found, (16, 16, 48, 48))


@pytest.mark.parametrize(
    ("size", "dtype"), [(None, ""), ((1, 2), "float32"), ((1, 4), "int64"), ((), "int64")], ids=str
)
def test_rtdetr_needs_its_size_input(size: tuple[int, ...] | None, dtype: str) -> None:
    inputs = {**IMAGE, **({} if size is None else {"size": size})}
    engine = AnsweringEngine(lambda feeds: {}, inputs, {}, {"size": dtype})
    with pytest.raises(EngineError, match=r"orig_target_sizes: int64 or int32 \(1, 2\), and nothing else, got images"):
        detector("rtdetr", engine)


@pytest.mark.parametrize(
    ("decoder", "parameters", "message"),
    [
        ("yolo_end2end", {"person_class": -1}, "person_class of test: expected an integer, 0 or above, got -1"),
        ("yolo_end2end", {"person_class": 0.5}, "person_class"),
        ("yolo_end2end", {"strides": [8, 0]}, "strides of test: expected a list of integers"),
        ("yolo_end2end", {"strides": 8}, "strides"),
        ("yolo_end2end", {"activation": "relu"}, "activation of test: expected one of sigmoid, softmax, got 'relu'"),
        ("yolo_end2end", {"long_side_px": 0}, "long_side_px"),
        ("yolo", {}, "centre_ltrb"),
    ],
)
def test_unusable_decoders_and_parameters_are_refused(decoder: str, parameters: Any, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        detector(decoder, answering({"output0": np.zeros((1, 1, 6))}), {"parameters": parameters})


def test_stride_that_does_not_fit_the_maps_is_refused() -> None:
    entry = {"input_size_px": None, "parameters": {"stride": 16}}
    with pytest.raises(EngineError, match="stride"):
        detector("centre_ltrb", heat_maps(), entry)(frame(640, 480))


def test_every_preset_of_a_detector_has_its_decoder() -> None:
    presets = [p for p in PRESETS.values() if "detector" in p.roles]
    assert {p.decoder for p in presets} == set(DETECTOR_DECODERS) - {"centre_ltrb"}
    for preset in presets:
        assert preset.parameters["person_class"] == DETECTOR_DECODERS[preset.decoder].person_class
