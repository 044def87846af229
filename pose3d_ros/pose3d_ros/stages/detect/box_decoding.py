"""What a decoder of a detector's outputs is made of, and the checks and steps that several of them share.

Networks trained on COCO boxes count pixels from the image's left edge, so that an image w pixels wide spans [0, w].
Here integer coordinates are pixel centers (see `geometry`): their boxes lie half a pixel to the left and up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry.letterbox import Letterbox, LetterboxMode
from pose3d_ros.stages.entry_checks import choice_parameter, integer_parameter, wrong_parameter
from pose3d_ros.stages.io_matching import FLOATS, Port, RawOutputs, port
from pose3d_ros.types import Array

GRAY = 114
"""What YOLO networks pad with."""
# Half-precision networks overshoot 1 by less than this; logits by much more.
_SCORE_TOLERANCE = 0.01

Boxes = tuple[Array, Array]
"""Boxes (N, 4) x0, y0, x1, y1 in input pixels, and their scores (N,) in 0–1."""
Indices = npt.NDArray[np.intp]
Raw = npt.NDArray[Any]


@dataclass(frozen=True)
class DecodeSettings:
    """What a decoder reads besides the outputs.

    threshold: boxes below this score are left out. person_class: index of people among the classes. stride_px: of
    `centre_ltrb`. strides_px: of the levels of a YOLO grid. activation: what turns logits into scores.
    """

    threshold: float
    person_class: int = 0
    stride_px: int = 8
    strides_px: tuple[int, ...] = (8, 16, 32)
    activation: str = "sigmoid"


@dataclass(frozen=True)
class DetectorDecoder:
    """How a kind of detector reads images and what its outputs mean.

    decode(outputs by the ports' names, letterbox, settings): a pure function, raises EngineError for wrong shapes.
    outputs: in the documented order. batchless: whether the image input may lack the batch axis.
    size_input: whether the graph also reads the (width, height) that its boxes are scaled to. overlapping: whether
    one person gets several boxes, so that non-maximum suppression is due. long_side_px: default for inputs of any
    size, None for the image's own. person_class: default.
    """

    decode: Callable[[RawOutputs, Letterbox, DecodeSettings], Boxes]
    outputs: tuple[Port, ...]
    letterbox_mode: LetterboxMode
    overlapping: bool
    long_side_px: int | None = 640
    person_class: int = 0
    batchless: bool = False
    size_input: bool = False


def ranked(name: str, rank: int, dtypes: tuple[str, ...] = FLOATS) -> Port:
    """An output of that many axes, of any lengths."""
    return port(name, *(None,) * rank, dtypes=dtypes)


def read_settings(entry: ManifestEntry, decoder: DetectorDecoder) -> DecodeSettings:
    """The settings in an entry's parameters, with threshold 0. Raises EngineError for a value that can't be used."""
    person = integer_parameter(entry, "person_class", decoder.person_class, least=0)
    strides = entry.parameters.get("strides", [float(s) for s in DecodeSettings.strides_px])
    if not isinstance(strides, list) or not strides or not all(_is_stride(s) for s in strides):
        raise wrong_parameter(entry, "strides", "a list of integers of pixels", strides)
    activation = choice_parameter(entry, "activation", ("sigmoid", "softmax"), "sigmoid")
    stride_px = integer_parameter(entry, "stride", DecodeSettings.stride_px)
    return DecodeSettings(0.0, person, stride_px, tuple(int(s) for s in strides), activation)


def wrong_shape(decoder: str, expected: str, got: str) -> EngineError:
    """For outputs that can't be those of a decoder's network."""
    return EngineError(
        f"outputs of a detector with the decoder {decoder}",
        expected=expected,
        got=got,
        fix="Name the decoder of this export in the manifest, and its input size and parameters; see docs/models.md.",
    )


def likely(decoder: str, scores: Raw, threshold: float) -> Indices:
    """Where scores (M,) reach the threshold. Raises EngineError for scores that can't lie in 0–1."""
    if scores.size and (top := float(np.nanmax(scores, initial=0.0))) > 1.0 + _SCORE_TOLERANCE:
        raise wrong_shape(decoder, "scores in 0–1", f"{top:.3g}, as logits or another layout have")
    return np.flatnonzero(scores >= threshold)


def check_classes(decoder: str, classes: Raw, raw: RawOutputs) -> None:
    """Raise EngineError for rows (C, M) that can't be class scores: what an export of another task has there."""
    least, most = (float(classes.min()), float(classes.max())) if classes.size else (0.0, 0.0)
    if least < -_SCORE_TOLERANCE or most > 1.0 + _SCORE_TOLERANCE:
        raise EngineError(
            f"outputs of a detector with the decoder {decoder}",
            expected=f"{len(classes)} class scores in 0–1",
            got=f"{least:.3g} to {most:.3g}, as an export of the task {_task(classes, raw)} has, or logits",
            fix="Give the detector of that family (Ultralytics: yolo export model=yolov8n.pt format=onnx).",
        )


def _task(classes: Raw, raw: RawOutputs) -> str:
    """Of Ultralytics' tasks the one whose export has such rows: masks beside the boxes, or three for each keypoint."""
    if any(array.ndim == 4 for array in raw.values()):
        return "segment"
    keypoints, rest = divmod(len(classes) - 1, 3)
    return f"pose ({keypoints} keypoints)" if keypoints and not rest else "obb"


def strongest_class(classes: Raw, keep: Indices, person: int) -> Indices:
    """Those of the rows to keep in which no class scores higher than the person's. classes: (M, C)."""
    best: Indices = keep[classes[keep].argmax(axis=1) == person]
    return best


def from_edges(edges_xyxy: Raw, scores: Raw) -> Boxes:
    """Boxes (N, 4) x0, y0, x1, y1 counted from the input's left and top edge; those that are not finite are lost."""
    edges = edges_xyxy.astype(np.float64)
    finite = np.isfinite(edges).all(axis=1)
    return edges[finite] - 0.5, np.clip(scores[finite].astype(np.float64), 0.0, 1.0)


def from_centers(centers_xywh: Raw, scores: Raw) -> Boxes:
    """The same for boxes (N, 4) of center x, center y, width, height."""
    middle, half = centers_xywh[:, :2].astype(np.float64), centers_xywh[:, 2:].astype(np.float64) / 2
    return from_edges(np.concatenate([middle - half, middle + half], axis=1), scores)


def _is_stride(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 1 and value == int(value)
