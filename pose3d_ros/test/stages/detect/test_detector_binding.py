"""Which inputs and outputs of a graph a detector takes, and what it refuses when it is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.engines import Engine, ManifestEntry, RoleEngine, TensorSpec
from pose3d_ros.engines.spec.presets import PRESETS
from pose3d_ros.errors import EngineError
from pose3d_ros.records import Frame
from pose3d_ros.stages.detect.detector import Detector
from pose3d_ros.stages.detect.detector_decoders import DETECTOR_DECODERS

Make = Callable[..., Detector]
MakeFrame = Callable[..., Frame]

BOXES = np.array([[8, 8, 40, 40]], np.float32)
LABELS, SCORES = np.array([1]), np.array([0.9], np.float32)


def spec(name: str, *shape: int | str, dtype: str = "float32") -> TensorSpec:
    return TensorSpec(name, shape, dtype)


class Listening(Engine):
    """Keeps what it was fed, and finds nobody."""

    def __init__(self, *inputs: TensorSpec, answer: tuple[int, ...] = (1, 1, 6)) -> None:
        super().__init__("listening", inputs, (spec("output0", *answer),))
        self.answer = answer
        self.fed: dict[str, npt.NDArray[Any]] = {}

    def _run(self, feeds: Any) -> dict[str, npt.NDArray[Any]]:
        self.fed = dict(feeds)
        return {"output0": np.zeros(self.answer, np.float32)}

    def _release(self) -> None:
        self.fed = {}


@pytest.mark.parametrize(
    "outputs",
    [
        {"12": BOXES, "13": LABELS, "14": SCORES},  # Faster R-CNN
        {"12": BOXES, "13": SCORES, "14": LABELS},  # RetinaNet, SSD
        {"scores": SCORES, "labels": LABELS, "boxes": BOXES},
    ],
)
def test_outputs_are_found_by_name_or_kind(constant_detector: Make, frame: MakeFrame, outputs: Any) -> None:
    (found,) = constant_detector("torchvision", outputs)(frame(64, 64))
    np.testing.assert_allclose(found.box_xyxy_px, np.array([8, 8, 40, 40]) - 0.5)


def test_outputs_can_be_named(constant_detector: Make, frame: MakeFrame) -> None:
    # As RF-DETR names them: `labels` are its logits.
    outputs = {
        "dets": np.array([[[0.5, 0.5, 0.5, 0.5]]], np.float32),
        "labels": np.array([[[0.0, 2.0, 0.0, 0.0]]], np.float32),
    }
    entry = {"parameters": {"outputs": ["labels", "dets"], "person_class": 1}}
    (found,) = constant_detector("detr_logits", outputs, entry=entry)(frame(64, 64))
    np.testing.assert_allclose(found.box_xyxy_px, np.array([16, 16, 48, 48]) - 0.5)


@pytest.mark.parametrize(
    "others", [(), (spec("size", 1, 2),), (spec("size", 1, 4, dtype="int64"),), (spec("size", dtype="int64"),)]
)
def test_rtdetr_needs_its_size_input(make_entry: Callable[..., ManifestEntry], others: tuple[TensorSpec, ...]) -> None:
    engine = Listening(spec("images", 1, 3, 64, 64), *others)
    with pytest.raises(EngineError, match=r"orig_target_sizes: int64 or int32 \(1, 2\), and nothing else, got images"):
        Detector(RoleEngine(engine, make_entry("rtdetr", input_size_px=(64, 64))))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"person_class": -1}, "person_class of test: expected an integer, 0 or above, got -1"),
        ({"person_class": 0.5}, "person_class"),
        ({"strides": [8, 0]}, "strides of test: expected a list of integers"),
        ({"strides": 8}, "strides"),
        ({"activation": "relu"}, "activation of test: expected one of sigmoid, softmax, got 'relu'"),
        ({"long_side_px": 0}, "long_side_px"),
    ],
)
def test_parameters_that_can_not_be_used(
    make_entry: Callable[..., ManifestEntry], parameters: dict[str, Any], message: str
) -> None:
    entry = make_entry("yolo_end2end", input_size_px=(64, 64), parameters=parameters)
    with pytest.raises(EngineError, match=message):
        Detector(RoleEngine(Listening(spec("images", 1, 3, 64, 64)), entry))


@pytest.mark.parametrize(
    ("preset", "corner", "middle"),
    [
        ("yolox", [10.0, 20.0, 30.0], [10.0, 20.0, 30.0]),
        ("yolov10", [114 / 255] * 3, [30 / 255, 20 / 255, 10 / 255]),
        ("rtdetr_ultralytics", [30 / 255, 20 / 255, 10 / 255], [30 / 255, 20 / 255, 10 / 255]),
    ],
)
def test_the_image_is_what_the_network_was_trained_on(
    make_entry: Callable[..., ManifestEntry], frame: MakeFrame, preset: str, corner: list[float], middle: list[float]
) -> None:
    chosen = PRESETS[preset]
    answer = {"yolox": (1, 84, 85), "yolov10": (1, 300, 6), "rtdetr_ultralytics": (1, 300, 84)}[preset]
    engine = Listening(spec("images", 1, 3, 64, 64), answer=answer)
    entry = make_entry(chosen.decoder, input_size_px=(64, 64), normalization=chosen.normalization)
    shown = frame(128, 64)
    shown.image_bgr[...] = (10, 20, 30)
    Detector(RoleEngine(engine, entry))(shown)
    tensor = engine.fed["images"]
    np.testing.assert_allclose(tensor[0, :, 0, 0], corner, rtol=1e-6)
    np.testing.assert_allclose(tensor[0, :, 31, 31], middle, rtol=1e-6)
    if preset == "yolox":
        assert (tensor[0, :, 32:] == 114).all()


def test_a_half_precision_image(make_entry: Callable[..., ManifestEntry], frame: MakeFrame) -> None:
    engine = Listening(spec("images", "batch", 3, "h", "w", dtype="float16"))
    Detector(RoleEngine(engine, make_entry("yolo_end2end", parameters={"long_side_px": 96})))(frame(128, 64))
    assert engine.fed["images"].dtype == np.float16
    assert engine.fed["images"].shape == (1, 3, 64, 96)


def test_every_preset_of_a_detector_has_its_decoder() -> None:
    decoders = {p.decoder for p in PRESETS.values() if "detector" in p.roles}
    assert decoders == set(DETECTOR_DECODERS) - {"centre_ltrb"}
    for preset in (p for p in PRESETS.values() if "detector" in p.roles):
        assert preset.parameters["person_class"] == DETECTOR_DECODERS[preset.decoder].person_class
