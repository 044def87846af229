"""People's boxes in the image (DetectNet of Moon 2019), from any detector that has a decoder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pose3d_ros.config.settings import DetectorConfig
from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.engines.images.frame_image import FrameImage, HostImage
from pose3d_ros.engines.tensors import Feed, on_host
from pose3d_ros.geometry.boxes import suppress
from pose3d_ros.records import Detection, Frame
from pose3d_ros.stages.detect.box_decoding import read_settings
from pose3d_ros.stages.detect.detector_decoders import DETECTOR_DECODERS
from pose3d_ros.stages.entry_checks import check_decoder, integer_parameter, normalization_of
from pose3d_ros.stages.io_matching import BoundEngine, image_port, port
from pose3d_ros.types import Array

_SIZE = "orig_target_sizes"
"""The input of the (width, height) that boxes are scaled to, by RT-DETR's name."""
_MIN_SIDE_PX = 2.0
# Suppression compares all pairs; more candidates than this many per wanted person are noise.
_CANDIDATES_PER_PERSON = 20


class Detector:
    """Finds people. `config` may be replaced between frames.

    model: a decoder of `detector_decoders.DETECTOR_DECODERS`. Parameters, all with defaults: person_class;
    image_input and outputs, names in the graph; long_side_px, unless the entry has a fixed input size; stride of
    `centre_ltrb`, strides of the YOLO grids, activation of `detr_logits`. Raises EngineError for another decoder, a
    parameter that can't be used, and an engine whose inputs and outputs are not the decoder's.
    """

    def __init__(self, model: RoleEngine, config: DetectorConfig | None = None) -> None:
        entry = model.entry
        self._decoder = DETECTOR_DECODERS[check_decoder(entry, DETECTOR_DECODERS)]
        self.config = config or DetectorConfig()
        self._input_size_px = entry.input_size_px
        self._normalization = normalization_of(entry)
        self._settings = read_settings(entry, self._decoder)
        self._long_side_px = self._decoder.long_side_px
        if "long_side_px" in entry.parameters:
            self._long_side_px = integer_parameter(entry, "long_side_px", 0)
        image = image_port(entry, batchless=self._decoder.batchless)
        size = [port(_SIZE, 1, 2, dtypes=("int64", "int32"))] if self._decoder.size_input else []
        self._bound = BoundEngine(model, [image, *size], self._decoder.outputs)

    def __call__(self, frame: Frame, image: FrameImage | None = None) -> tuple[Detection, ...]:
        """The people in the frame, best score first, boxes clipped to the image; none is an empty tuple.

        image: the frame's image where the engine reads it, in the host's memory unless given. Raises
        EngineError when the engine's answer does not fit its input.
        """
        height_px, width_px = frame.image_bgr.shape[:2]
        letterbox_mode = self._decoder.letterbox_mode
        letterbox = letterbox_mode.letterbox(width_px, height_px, self._input_size_px, self._long_side_px)
        tensor = (image or HostImage(frame.image_bgr)).letterboxed(letterbox, self._normalization)
        feeds: dict[str, Feed] = {"image": tensor}
        if len(self._bound.inputs["image"].shape) == 3:
            feeds["image"] = on_host(tensor)[0]
        if self._decoder.size_input:
            feeds[_SIZE] = np.array([[letterbox.width_px, letterbox.height_px]])
        raw = self._bound.infer(feeds)
        settings = replace(self._settings, threshold=self.config.score_threshold)
        boxes, scores = self._decoder.decode(raw, letterbox, settings)
        boxes = _clip(letterbox.input2img(boxes), width_px, height_px)
        boxes, scores = _strongest(boxes, scores, _CANDIDATES_PER_PERSON * self.config.max_people)
        return tuple(Detection(boxes[i], float(scores[i])) for i in self._kept(boxes, scores))

    def _kept(self, boxes: Array, scores: Array) -> npt.NDArray[np.intp]:
        """Indices of the boxes that stay, of boxes sorted by score."""
        if not self._decoder.overlapping:
            return np.arange(len(boxes))[: self.config.max_people]
        return suppress(boxes, scores, self.config.nms_iou, self.config.max_people)


def _clip(boxes_xyxy_px: Array, width_px: int, height_px: int) -> Array:
    high = np.array([width_px, height_px] * 2) - 0.5
    return np.clip(boxes_xyxy_px, -0.5, high)


def _strongest(boxes: Array, scores: Array, limit: int) -> tuple[Array, Array]:
    """The `limit` best of the boxes that are finite and have an area."""
    usable = (boxes[:, 2:] - boxes[:, :2] >= _MIN_SIDE_PX).all(axis=1)
    boxes, scores = boxes[usable], scores[usable]
    best = np.argsort(-scores, kind="stable")[:limit]
    return boxes[best], scores[best]
