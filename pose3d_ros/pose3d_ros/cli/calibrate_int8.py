"""INT8 models beside the models of a folder, calibrated on the user's own images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from pose3d_ros.bags.bag_files import is_bag
from pose3d_ros.bags.image_decoding import MAX_IMAGE_PIXELS, image_file
from pose3d_ros.bags.message_records import UnusableImage
from pose3d_ros.cli.common_options import warn_of
from pose3d_ros.cli.sources import IMAGE_SUFFIXES
from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.engines import BackendChoice, Engine, Manifest, ManifestEntry, open_engine
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.engines.options import precision_of
from pose3d_ros.engines.tensorrt.plan_loading import int8_path
from pose3d_ros.engines.tensors import Tensor
from pose3d_ros.errors import EngineError, InputError
from pose3d_ros.evaluation.recording.recorded_frames import RecordedFrames, RecordingChoice
from pose3d_ros.geometry import Camera
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Frame
from pose3d_ros.types import ImageArray

_HFOV_DEG = 60.0
"""Ranges hardly depend on the camera."""
_MAX_CALLS = 200
_NS_PER_S = 1_000_000_000
_CPU = BackendChoice("onnxruntime", "calibration")


class FeedRecorder(Engine):
    """An engine that keeps copies of its inputs, of the first calls."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.name, engine.inputs, engine.outputs)
        self._engine = engine
        self.feeds: list[dict[str, Tensor]] = []

    def _run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if len(self.feeds) < _MAX_CALLS:
            self.feeds.append({name: array.copy() for name, array in feeds.items()})
        return self._engine.infer(feeds)

    def _release(self) -> None:
        self._engine.close()


def write_quantized(
    manifest: Manifest, config: PipelineConfig, images: Path, max_image_pixels: int = MAX_IMAGE_PIXELS
) -> list[Path]:
    """Write NAME.int8.onnx beside each model that reads images, calibrated on the images of a folder or a recording.

    Models that read joints stay as they are: they are small, and their errors would be seen as jitter. So do those
    whose manifest refuses int8. Raises InputError for images without people,
    EngineError for a model that can't be quantized.
    """
    try:
        from pose3d_ros.engines.graphs.quantize import quantized_graph
    except ImportError as error:
        raise EngineError(
            "calibration", expected="the Python package onnx", got=str(error), fix="Install it: pip install onnx."
        ) from error
    recorders: dict[str, FeedRecorder] = {}

    def open_recorded(entry: ManifestEntry) -> Engine:
        recorders[entry.name] = FeedRecorder(open_engine(entry, _CPU))
        return recorders[entry.name]

    with Pipeline(EngineSet(manifest, _CPU, opener=open_recorded), config, smooth=False) as pipeline:
        for number, image in enumerate(_images(images, max_image_pixels)):
            camera = Camera.from_hfov(_HFOV_DEG, image.shape[1], image.shape[0])
            pipeline(Frame(image, camera, number * _NS_PER_S))
    written = []
    for entry in (e for e in manifest.entries if e.name in recorders and precision_of(e, "int8") == "int8"):
        feeds = recorders[entry.name].feeds
        if not feeds:
            raise InputError(
                f"calibration images {images}",
                expected="detectable people in some of them",
                got=f"no input for {entry.name}",
                fix="Give images of people, as the robot's camera sees them.",
            )
        written.append(int8_path(entry))
        print(f"{entry.name}: {quantized_graph(entry.file, written[-1], feeds)}")
    return written


def _images(path: Path, max_pixels: int) -> Iterator[ImageArray]:
    """The readable images of a recording, or of a folder and those below it; the others are named on stderr."""
    if is_bag(path):
        camera_of = partial(Camera.from_hfov, _HFOV_DEG)
        for image in RecordedFrames(path, choice=RecordingChoice(camera_of=camera_of, max_image_pixels=max_pixels)):
            if isinstance(image, UnusableImage):
                warn_of((str(image),))
            else:
                yield image.image_bgr
        return
    for one in sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES):
        try:
            yield image_file(one, max_pixels)[0]
        except InputError as error:
            warn_of((str(error),))
