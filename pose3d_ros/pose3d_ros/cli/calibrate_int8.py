"""INT8 graphs beside a folder's engines: their ranges are measured on the user's own pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.engines import BackendChoice, Engine, Manifest, ManifestEntry, open_engine
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.engines.spec.entry import IMAGE_ROLES
from pose3d_ros.engines.tensorrt.plan_loading import int8_path
from pose3d_ros.engines.tensors import Tensor
from pose3d_ros.errors import EngineError, InputError
from pose3d_ros.geometry import Camera
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Frame
from pose3d_ros.types import ImageArray

_PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_HFOV_DEG = 60.0
"""Ranges hardly depend on the camera; a usual one serves."""
_MOST_CALLS = 200
_NS_PER_S = 1_000_000_000
_CPU = BackendChoice("onnxruntime", "calibration")


class Listener(Engine):
    """An engine that keeps what it is fed, up to a number of calls."""

    def __init__(self, engine: Engine, most_calls: int = _MOST_CALLS) -> None:
        super().__init__(engine.name, engine.inputs, engine.outputs)
        self._engine, self._most_calls = engine, most_calls
        self.heard: list[dict[str, Tensor]] = []

    def _run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if len(self.heard) < self._most_calls:
            self.heard.append({name: array.copy() for name, array in feeds.items()})
        return self._engine.infer(feeds)

    def _release(self) -> None:
        self._engine.close()


def write_quantized(manifest: Manifest, config: PipelineConfig, pictures: Path) -> list[Path]:
    """Write NAME.int8.onnx beside each image engine, calibrated on the pictures of a folder.

    Nets that read joints stay as they are: they are small, and their errors would be seen as jitter. Raises InputError
    for a folder in which no picture shows anybody, EngineError for a graph that can't be quantised.
    """
    try:
        from pose3d_ros.engines.graphs.quantize import quantized_graph
    except ImportError as error:
        raise EngineError(
            "calibration", expected="the Python package onnx", got=str(error), fix="Install it: pip install onnx."
        ) from error
    listeners: dict[str, Listener] = {}

    def listened(entry: ManifestEntry) -> Engine:
        listeners[entry.name] = Listener(open_engine(entry, _CPU))
        return listeners[entry.name]

    with Pipeline(EngineSet(manifest, _CPU, opener=listened), config, smooth=False) as pipeline:
        for number, image in enumerate(_images(pictures)):
            camera = Camera.from_hfov(_HFOV_DEG, image.shape[1], image.shape[0])
            pipeline(Frame(image, camera, number * _NS_PER_S))
    written = []
    for entry in (e for e in manifest.entries if e.name in listeners and not IMAGE_ROLES.isdisjoint(e.roles)):
        heard = listeners[entry.name].heard
        if not heard:
            raise InputError(
                f"calibration pictures {pictures}",
                expected="people who are found in some of them",
                got=f"nothing for {entry.name} to see",
                fix="Give pictures of people, as the robot's camera sees them.",
            )
        written.append(int8_path(entry))
        quantized_graph(entry.file, written[-1], heard)
    return written


def _images(folder: Path) -> Iterator[ImageArray]:
    """The readable pictures of a folder and those below it."""
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in _PICTURES):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is not None:
            yield np.asarray(image, np.uint8)
