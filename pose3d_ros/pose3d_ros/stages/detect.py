"""People's boxes in the image (DetectNet of Moon 2019), from an anchor-free detector."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.config import DetectorConfig
from pose3d_ros.engines.base import Engine
from pose3d_ros.engines.manifest import ManifestEntry
from pose3d_ros.errors import EngineError
from pose3d_ros.records import Array, Detection, Frame
from pose3d_ros.stages.boxes import suppress
from pose3d_ros.stages.entries import check_decoder, normalisation_of, whole_parameter
from pose3d_ros.stages.letterbox import Letterbox

_DECODER = "centre_ltrb"
_DEFAULT_STRIDE_PX = 8
_DEFAULT_LONG_SIDE_PX = 320
_MIN_SIDE_PX = 2.0
# Suppression compares all pairs; more candidates than this many per wanted person are noise.
_CANDIDATES_PER_PERSON = 20

_Raw = Mapping[str, npt.NDArray[np.generic]]


class Detector:
    """Finds people. `config` may be replaced between frames.

    engine, entry: decoder `centre_ltrb`; parameters stride (8) and, unless the entry has a fixed input size,
    long_side_px (320). Raises EngineError for another decoder.
    """

    def __init__(self, engine: Engine, entry: ManifestEntry, config: DetectorConfig | None = None) -> None:
        check_decoder(entry, (_DECODER,))
        self.config = config or DetectorConfig()
        self._engine = engine
        self._input_size_px = entry.input_size_px
        self._normalisation = normalisation_of(entry)
        self._stride_px = whole_parameter(entry, "stride", _DEFAULT_STRIDE_PX)
        self._long_side_px = whole_parameter(entry, "long_side_px", _DEFAULT_LONG_SIDE_PX)

    def __call__(self, frame: Frame) -> tuple[Detection, ...]:
        """The people in the frame, best score first, boxes clipped to the image; none is an empty tuple.

        Raises EngineError when the engine's answer does not fit its input.
        """
        height_px, width_px = frame.image_bgr.shape[:2]
        letterbox = self._letterbox(width_px, height_px)
        raw = self._engine.infer({"image": letterbox.tensor(frame.image_bgr, self._normalisation)})
        boxes, scores = decode_centre_ltrb(raw, letterbox, self._stride_px, self.config.score_threshold)
        boxes = _clip(letterbox.input2img(boxes), width_px, height_px)
        boxes, scores = _strongest(boxes, scores, _CANDIDATES_PER_PERSON * self.config.max_people)
        kept = suppress(boxes, scores, self.config.nms_iou, self.config.max_people)
        return tuple(Detection(boxes[i], float(scores[i])) for i in kept)

    def _letterbox(self, width_px: int, height_px: int) -> Letterbox:
        if self._input_size_px is None:
            return Letterbox.fit_long_side(width_px, height_px, self._long_side_px)
        return Letterbox.fit_inside(width_px, height_px, *self._input_size_px)


def decode_centre_ltrb(raw: _Raw, letterbox: Letterbox, stride_px: int, threshold: float) -> tuple[Array, Array]:
    """Boxes (N, 4) in input pixels and scores (N,) at the peaks of the heat map.

    raw: `heat` (1, 1, h, w) in 0–1 and `ltrb` (1, 4, h, w), distances in input pixels from a cell's centre
    (stride·i + (stride − 1) / 2) to the box's edges. A peak is at least `threshold`, the greatest of its 3x3
    neighbours (Zhou 2019, Objects as Points, sec. 4.1), and not in the padding. Raises EngineError for other shapes.
    """
    heat, ltrb = raw["heat"], raw["ltrb"]
    cells = (letterbox.height_px // stride_px, letterbox.width_px // stride_px)
    if heat.shape != (1, 1, *cells) or ltrb.shape != (1, 4, *cells):
        raise EngineError(
            "outputs heat and ltrb of the detector",
            expected=f"shapes (1, 1, {cells[0]}, {cells[1]}) and (1, 4, {cells[0]}, {cells[1]})",
            got=f"{heat.shape} and {ltrb.shape}",
            fix="The manifest's stride must be the net's.",
        )
    rows, columns = _peaks(np.asarray(heat[0, 0], dtype=np.float32), threshold)
    x = stride_px * columns + (stride_px - 1) / 2
    y = stride_px * rows + (stride_px - 1) / 2
    inside = (x < letterbox.content_width_px) & (y < letterbox.content_height_px)
    rows, columns, x, y = rows[inside], columns[inside], x[inside], y[inside]
    left, top, right, bottom = ltrb[0][:, rows, columns].astype(np.float64)
    boxes = np.stack((x - left, y - top, x + right, y + bottom), axis=-1)
    return boxes, np.minimum(heat[0, 0][rows, columns].astype(np.float64), 1.0)


def _peaks(heat: npt.NDArray[np.float32], threshold: float) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    greatest = np.asarray(cv2.dilate(heat, np.ones((3, 3), dtype=np.uint8)))
    rows, columns = np.nonzero((heat >= threshold) & (heat >= greatest))
    return rows, columns


def _clip(boxes_xyxy_px: Array, width_px: int, height_px: int) -> Array:
    high = np.array([width_px, height_px] * 2) - 0.5
    return np.clip(boxes_xyxy_px, -0.5, high)


def _strongest(boxes: Array, scores: Array, limit: int) -> tuple[Array, Array]:
    """The `limit` best of the boxes that are finite and have an area."""
    usable = (boxes[:, 2:] - boxes[:, :2] >= _MIN_SIDE_PX).all(axis=1)
    boxes, scores = boxes[usable], scores[usable]
    best = np.argsort(-scores, kind="stable")[:limit]
    return boxes[best], scores[best]
