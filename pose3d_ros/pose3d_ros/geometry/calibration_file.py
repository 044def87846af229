"""The ROS calibration file, as `camera_calibration` writes it and `camera_calibration_parsers` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from pose3d_ros.errors import CameraError
from pose3d_ros.types import Array

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
