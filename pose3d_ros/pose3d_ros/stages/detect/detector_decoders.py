"""Every decoder of the detector role by the name that a manifest gives it; docs/models.md shows them in a table."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import EngineError
from pose3d_ros.geometry.letterbox import Letterbox, LetterboxMode
from pose3d_ros.stages.detect.box_decoding import Boxes, DecodeSettings, DetectorDecoder, ranked
from pose3d_ros.stages.detect.detr import DETR_DECODERS
from pose3d_ros.stages.detect.yolo import YOLO_DECODERS
from pose3d_ros.stages.io_matching import RawOutputs
from pose3d_ros.types import Array


def decode_center_ltrb(raw: RawOutputs, letterbox: Letterbox, stride_px: int, threshold: float) -> tuple[Array, Array]:
    """Boxes (N, 4) in input pixels and scores (N,) at the peaks of the heat map.

    raw: `heat` (1, 1, h, w) in 0–1 and `ltrb` (1, 4, h, w), distances in input pixels from a cell's center
    (stride·i + (stride − 1) / 2) to the box's edges. A peak is at least `threshold`, the greatest of its 3x3
    neighbors (Zhou 2019, Objects as Points, sec. 4.1), and not in the padding. Raises EngineError for other shapes.
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


def _center_ltrb(raw: RawOutputs, letterbox: Letterbox, settings: DecodeSettings) -> Boxes:
    return decode_center_ltrb(raw, letterbox, settings.stride_px, settings.threshold)


def _peaks(heat: npt.NDArray[np.float32], threshold: float) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    greatest = np.asarray(cv2.dilate(heat, np.ones((3, 3), dtype=np.uint8)))
    rows, columns = np.nonzero((heat >= threshold) & (heat >= greatest))
    return rows, columns


DETECTOR_DECODERS: dict[str, DetectorDecoder] = {
    "centre_ltrb": DetectorDecoder(
        _center_ltrb,
        (ranked("heat", 4), ranked("ltrb", 4)),
        LetterboxMode(),
        overlapping=True,
        long_side_px=320,
    ),
    **YOLO_DECODERS,
    **DETR_DECODERS,
}
"""Decoders of the detector role."""
