"""Decoders of YOLO exports: YOLOX, and the networks of Ultralytics.

YOLOX (Ge 2021), after Megvii-BaseDetection/YOLOX: `tools/export_onnx.py` (input `images`, output `output`),
`demo/ONNXRuntime/onnx_inference.py` and `yolox/utils/demo_utils.py` (the grid), `yolox/data/data_augment.py` (the
image: BGR 0–255, at the top left, padding 114). Ultralytics: `LetterBox` of `ultralytics/data/augment.py` (centered,
padding 114), `examples/YOLOv8-ONNXRuntime/main.py` (RGB 0–1, rows of the output), docs.ultralytics.com
"guides/end2end-detection" (boxes without suppression). As in these sources a box is a person's only when no other
class scores higher there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.letterbox import Letterbox, LetterboxMode
from pose3d_ros.stages.detect.box_decoding import (
    GRAY,
    Boxes,
    DecodeSettings,
    DetectorDecoder,
    Indices,
    Raw,
    check_classes,
    from_centers,
    from_edges,
    likely,
    ranked,
    strongest_class,
    wrong_shape,
)
from pose3d_ros.stages.io_matching import RawOutputs


def decode_yolox_raw(raw: RawOutputs, letterbox: Letterbox, settings: DecodeSettings) -> Boxes:
    """Output (1, M, 5 + classes): x, y, ln w, ln h in cells of their level, objectness, class scores.

    Center = (x + column, y + row) · stride, size = exp(w, h) · stride; the M cells are those of the levels in turn,
    row by row. Score = objectness · class score, both after a sigmoid in the graph.
    """
    rows, cells = _yolox_rows("yolox_raw", raw, letterbox, settings)
    keep, scores = _yolox_people("yolox_raw", rows, settings)
    column, row, stride = cells[keep].T
    kept = rows[keep, :4].astype(np.float64)
    with np.errstate(over="ignore"):  # a size that overflows is dropped as not finite
        sizes = np.exp(kept[:, 2:]) * stride[:, None]
    centers = (kept[:, :2] + np.stack([column, row], axis=1)) * stride[:, None]
    return from_centers(np.concatenate([centers, sizes], axis=1), scores)


def decode_yolox_decoded(raw: RawOutputs, letterbox: Letterbox, settings: DecodeSettings) -> Boxes:
    """The same exported with `--decode_in_inference`: center x, center y, width, height in input pixels."""
    rows, _ = _yolox_rows("yolox_decoded", raw, letterbox, settings)
    keep, scores = _yolox_people("yolox_decoded", rows, settings)
    return from_centers(rows[keep, :4], scores)


def decode_yolov8(raw: RawOutputs, letterbox: Letterbox, settings: DecodeSettings) -> Boxes:
    """Output (1, 4 + classes, M): center x, center y, width, height in input pixels, class scores after a sigmoid."""
    output: Raw = raw["output"]
    person = settings.person_class
    cells = len(grid_cells(letterbox, settings.strides_px))
    if output.ndim != 3 or len(output) != 1 or output.shape[1] < 5 + person or output.shape[2] != cells:
        expected = f"shape (1, 4 + classes, {cells}) with the class {person}"
        raise wrong_shape("yolov8", expected, str(output.shape))
    check_classes("yolov8", output[0, 4:], raw)
    classes = output[0, 4:].T
    keep = likely("yolov8", classes[:, person], settings.threshold)
    keep = strongest_class(classes, keep, person)
    return from_centers(output[0, :4].T[keep], classes[keep, person])


def decode_yolo_end2end(raw: RawOutputs, letterbox: Letterbox, settings: DecodeSettings) -> Boxes:
    """Output (1, M, 6): x0, y0, x1, y1 in input pixels, score, class. Rows of zeros fill it up."""
    output: Raw = raw["output"]
    if output.ndim != 3 or len(output) != 1 or output.shape[2] != 6:
        raise wrong_shape("yolo_end2end", "shape (1, boxes, 6)", str(output.shape))
    rows = output[0][output[0, :, 5] == settings.person_class]
    keep = likely("yolo_end2end", rows[:, 4], settings.threshold)
    return from_edges(rows[keep, :4], rows[keep, 4])


def grid_cells(letterbox: Letterbox, strides_px: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """(M, 3): column, row and stride in pixels of every cell, level by level, row by row."""
    levels = []
    for stride in strides_px:
        rows, columns = np.indices((letterbox.height_px // stride, letterbox.width_px // stride))
        levels.append(np.stack([columns.ravel(), rows.ravel(), np.full(rows.size, stride)], axis=1))
    return np.concatenate(levels)


def _yolox_rows(
    decoder: str, raw: RawOutputs, letterbox: Letterbox, settings: DecodeSettings
) -> tuple[Raw, npt.NDArray[np.int64]]:
    output: Raw = raw["output"]
    person = settings.person_class
    cells = grid_cells(letterbox, settings.strides_px)
    if output.ndim != 3 or output.shape[:2] != (1, len(cells)) or output.shape[2] < 6 + person:
        expected = f"shape (1, {len(cells)}, 5 + classes) with the class {person}"
        raise wrong_shape(decoder, expected, str(output.shape))
    return output[0], cells


def _yolox_people(decoder: str, rows: Raw, settings: DecodeSettings) -> tuple[Indices, Raw]:
    scores = rows[:, 4] * rows[:, 5 + settings.person_class]
    keep = strongest_class(rows[:, 5:], likely(decoder, scores, settings.threshold), settings.person_class)
    return keep, scores[keep]


_OUTPUT = (ranked("output", 3),)

YOLO_DECODERS = {
    "yolox_raw": DetectorDecoder(decode_yolox_raw, _OUTPUT, LetterboxMode(padding=GRAY), overlapping=True),
    "yolox_decoded": DetectorDecoder(decode_yolox_decoded, _OUTPUT, LetterboxMode(padding=GRAY), overlapping=True),
    "yolov8": DetectorDecoder(decode_yolov8, _OUTPUT, LetterboxMode(centered=True, padding=GRAY), overlapping=True),
    "yolo_end2end": DetectorDecoder(
        decode_yolo_end2end, _OUTPUT, LetterboxMode(centered=True, padding=GRAY), overlapping=False
    ),
}
