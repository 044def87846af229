"""Detectors whose engine gives a test's answer, frames with rectangles, and engines that find them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import cv2
import numpy as np

from pose3d_ros.config.settings import DetectorConfig
from pose3d_ros.engines import Normalization, RoleEngine
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Detection, Frame
from pose3d_ros.stages.detect.detector import Detector
from pose3d_ros.stages.detect.region_detector import ANCHORS_PX
from pose3d_ros.types import Array

from ...conftest import AnsweringEngine, Shapes, Tensors, manifest_entry

RGB = Normalization(1 / 255, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb")
IMAGE: Shapes = {"images": (1, 3, 64, 64)}


def frame(width_px: int, height_px: int, red: tuple[int, int, int, int] | None = None) -> Frame:
    """A black image, with a red rectangle x0, y0, x1, y1 if one is given."""
    image = np.zeros((height_px, width_px, 3), dtype=np.uint8)
    if red is not None:
        image[red[1] : red[3], red[0] : red[2]] = (0, 0, 255)
    return Frame(image, Camera.from_hfov(60.0, width_px, height_px), 0)


def answering(
    outputs: Tensors, inputs: Shapes = IMAGE, answer: Callable[[Tensors], Tensors] | None = None
) -> AnsweringEngine:
    """An engine that always gives these outputs, or outputs of their names and shapes that `answer` makes."""
    shapes = {name: array.shape for name, array in outputs.items()}
    return AnsweringEngine(answer or (lambda feeds: outputs), inputs, shapes, {"orig_target_sizes": "int64"})


def detector(decoder: str, engine: AnsweringEngine, entry: Mapping[str, Any] | None = None, **config: Any) -> Detector:
    """A detector of 64x64 RGB images in 0–1, unless the entry says otherwise."""
    fields = {"input_size_px": (64, 64), "normalization": RGB, **(entry or {})}
    return Detector(RoleEngine(engine, manifest_entry(decoder, **fields)), DetectorConfig(**config))


def detect(
    decoder: str, outputs: Tensors, seen: Frame, inputs: Shapes = IMAGE, entry: Any = None, **config: Any
) -> tuple[Detection, ...]:
    """The detections in a frame for which the engine gives these outputs."""
    return detector(decoder, answering(outputs, inputs), entry, **config)(seen)


def red_edges(feeds: Tensors) -> Array:
    """(4,) x0, y0, x1, y1 of what is red in the input, from its left and top edge."""
    rows, columns = np.nonzero(feeds["images"].reshape(3, *feeds["images"].shape[-2:])[0] > 0.9)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], dtype=np.float64)


def assert_box(found: Detection, edges_px: tuple[float, ...], atol: float = 1e-7) -> None:
    """The box has these edges, in pixels from the image's left and top edge."""
    np.testing.assert_allclose(found.box_xyxy_px, np.array(edges_px) - 0.5, atol=atol)


REGION_ENTRY = manifest_entry(
    "mediapipe_detector",
    name="regions",
    roles=("region_detector",),
    input_size_px=(224, 224),
    normalization=Normalization(1 / 127.5, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), "rgb"),
)


def region_engine(least_px: float = 50.0) -> AnsweringEngine:
    """Finds bright rectangles that are that tall in a view: the middle is the hips, the upper edge's the top.

    Two anchors answer for each, with scores 0.9 and 0.6, and one with 0.02 at the input's first anchor.
    """
    outputs: Shapes = {"boxes": ("batch", 2254, 12), "logits": ("batch", 2254, 1)}
    return AnsweringEngine(partial(_rectangles, least_px), {"image": ("batch", 3, 224, 224)}, outputs)


def _rectangles(least_px: float, feeds: Tensors) -> Tensors:
    images = feeds["image"]
    boxes = np.zeros((len(images), 2254, 12), np.float32)
    logits = np.full((len(images), 2254, 1), -20.0, np.float32)
    logits[:, 0] = np.log(0.02 / 0.98)
    for view, image in enumerate(images):
        bright = (image.mean(axis=0) > 0.2).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(bright)
        for x, y, width, height in stats[1:count, :4].tolist():
            if height < least_px:
                continue
            hips, top = (x + width / 2, y + height / 2), (x + width / 2, y)
            nearest = np.argsort(np.abs(ANCHORS_PX - hips).max(axis=1), kind="stable")[:2]
            for anchor, score in zip(nearest, (0.9, 0.6), strict=True):
                boxes[view, anchor, 4:8] = np.concatenate([hips - ANCHORS_PX[anchor], top - ANCHORS_PX[anchor]])
                logits[view, anchor] = np.log(score / (1 - score))
    return {"boxes": boxes, "logits": logits}
