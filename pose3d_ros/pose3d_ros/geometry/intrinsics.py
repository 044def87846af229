"""Checks of what a camera is made from, at the edge where it comes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml

from pose3d_ros.errors import CameraError
from pose3d_ros.geometry.lens import COEFFICIENT_COUNTS
from pose3d_ros.types import Array

_ALIASES = {"": "pinhole", "fisheye": "equidistant"}
_CALIBRATE = "Calibrate the camera (camera_calibration), or give its field of view (--hfov)."


def checked_matrix(K_px: npt.ArrayLike) -> Array:
    """A copy of K as (3, 3) float64. Raises CameraError for zeros, NaN, skew, or a focal length that is not > 0."""
    try:
        matrix = np.array(K_px, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CameraError("K", expected="a 3x3 matrix of numbers", got=str(error), fix=_CALIBRATE) from error
    if matrix.shape != (3, 3):
        raise CameraError("K", expected="a 3x3 matrix", got=f"shape {matrix.shape}", fix=_CALIBRATE)
    if not matrix.any():
        raise CameraError("K", expected="an intrinsic matrix", got="zeros (an uncalibrated camera)", fix=_CALIBRATE)
    if not np.isfinite(matrix).all():
        raise CameraError("K", expected="finite numbers", got=f"{matrix.tolist()}", fix=_CALIBRATE)
    upright = matrix[0, 1] == 0 and matrix[1, 0] == 0 and np.array_equal(matrix[2], [0.0, 0.0, 1.0])
    if not upright or matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
        raise CameraError(
            "K",
            expected="[[fx, 0, cx], [0, fy, cy], [0, 0, 1]] with fx, fy > 0",
            got=f"{matrix.tolist()}",
            fix=_CALIBRATE,
        )
    return matrix


def checked_size(width_px: int, height_px: int) -> tuple[int, int]:
    """The image size as two ints. Raises CameraError unless both are integers above 0."""
    try:
        width, height = int(width_px), int(height_px)
    except (TypeError, ValueError, OverflowError):
        width, height = 0, 0
    if width < 1 or height < 1 or width != width_px or height != height_px:
        raise CameraError(
            "camera size",
            expected="an integer width and height above 0 px",
            got=f"{width_px}x{height_px}",
            fix="Give the size of the image that K belongs to.",
        )
    return width, height


def checked_lens(model: str, distortion: npt.ArrayLike) -> tuple[str, Array]:
    """The model's own name and a copy of its coefficients as (n,) float64.

    No coefficients at all, or only zeros of a model that is an offset from the pinhole, make it a `pinhole`.
    Raises CameraError for an unknown model, NaN, or a number of coefficients that the model does not have.
    """
    name = _ALIASES.get(model, model)
    if name not in COEFFICIENT_COUNTS:
        raise CameraError(
            "distortion model",
            expected="one of " + ", ".join(COEFFICIENT_COUNTS),
            got=repr(model),
            fix="Recalibrate with one of these models.",
        )
    try:
        coefficients = np.array(distortion, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise CameraError("distortion", expected="a list of numbers", got=str(error), fix=_CALIBRATE) from error
    if not np.isfinite(coefficients).all():
        raise CameraError("distortion", expected="finite numbers", got=f"{coefficients.tolist()}", fix=_CALIBRATE)
    if not coefficients.size or (name != "equidistant" and not coefficients.any()):
        return "pinhole", np.zeros(0)
    if coefficients.size not in COEFFICIENT_COUNTS[name]:
        counts = " or ".join(str(n) for n in COEFFICIENT_COUNTS[name])
        raise CameraError(
            f"distortion of a {name} camera",
            expected=f"{counts} coefficients",
            got=f"{coefficients.size}",
            fix="Name the model that these coefficients belong to (distortion_model).",
        )
    return name, coefficients


_FIX = "Give a ROS calibration file: image_width, image_height, camera_matrix, distortion_model and its coefficients."


@dataclass(frozen=True, eq=False)
class Calibration:
    """What the file holds: K_px (3, 3) float64, the image's size, and the lens model with its coefficients (n,)."""

    K_px: Array
    width_px: int
    height_px: int
    distortion: Array
    model: str


def read_calibration(path: Path) -> Calibration:
    """Read the file. Raises CameraError when it can't be read, is not such a file, or lacks a field.

    As in `camera_calibration_parsers`, a file that names no distortion_model is `plumb_bob`.
    """
    content = _load(path)
    matrix = _numbers(path, content, "camera_matrix")
    if matrix.size != 9:
        raise CameraError(f"{path}: camera_matrix", expected="9 numbers", got=f"{matrix.size}", fix=_FIX)
    return Calibration(
        K_px=matrix.reshape(3, 3),
        width_px=_whole(path, content, "image_width"),
        height_px=_whole(path, content, "image_height"),
        distortion=_numbers(path, content, "distortion_coefficients"),
        model=str(content.get("distortion_model", "plumb_bob")),
    )


def _load(path: Path) -> Mapping[object, object]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CameraError(f"{path}", expected="a readable YAML file", got=str(error), fix=_FIX) from error
    if not isinstance(content, Mapping):
        raise CameraError(f"{path}", expected="a mapping of fields", got=type(content).__name__, fix=_FIX)
    return content


def _numbers(path: Path, content: Mapping[object, object], key: str) -> Array:
    block = content.get(key)
    data = block.get("data") if isinstance(block, Mapping) else block
    if not isinstance(data, list) or not all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in data):
        raise CameraError(f"{path}: {key}", expected="a list of numbers under `data`", got=f"{data!r}", fix=_FIX)
    return np.array(data, dtype=np.float64)


def _whole(path: Path, content: Mapping[object, object], key: str) -> int:
    value = content.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise CameraError(f"{path}: {key}", expected="an integer number of pixels", got=f"{value!r}", fix=_FIX)
    return value
