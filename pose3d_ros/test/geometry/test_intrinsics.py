"""What a camera may be made from: matrices, sizes, lens models, calibration files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.errors import CameraError
from pose3d_ros.geometry import Camera

K = np.array([[500.0, 0.0, 320.0], [0.0, 510.0, 240.0], [0.0, 0.0, 1.0]])
CALIBRATION = """\
image_width: 640
image_height: 480
camera_name: head
camera_matrix:
  rows: 3
  cols: 3
  data: [500.0, 0, 320.0, 0, 510.0, 240, 0, 0, 1]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.3, 0.1, 0.001, -0.001, 0.0]
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
"""


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.zeros((3, 3)), "uncalibrated"),
        (np.full((3, 3), np.nan), "finite"),
        (np.eye(4), r"shape \(4, 4\)"),
        (np.diag([500.0, -500.0, 1.0]), "fx, fy > 0"),
        (np.diag([500.0, 500.0, 2.0]), "fx, fy > 0"),
        (K + np.array([[0.0, 3.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), "fx, fy > 0"),
        ([["a", "b"], ["c", "d"]], "3x3 matrix of numbers"),
        ([[1.0, 2.0], [3.0]], "3x3 matrix of numbers"),
    ],
)
def test_invalid_matrix_is_an_error(matrix: npt.NDArray[Any], message: str) -> None:
    with pytest.raises(CameraError, match=message):
        Camera(matrix, 640, 480)


@pytest.mark.parametrize("size", [(0, 480), (640, -1), (640.5, 480), (float("nan"), 480), ("wide", 480), (None, 480)])
def test_invalid_size_is_an_error(size: tuple[int, int]) -> None:
    with pytest.raises(CameraError, match="camera size"):
        Camera(K, *size)


def test_integers_of_any_type_are_a_size() -> None:
    camera = Camera(K, np.uint32(640), 480.0)  # type: ignore[arg-type]
    assert (type(camera.width_px), type(camera.height_px)) == (int, int)


@pytest.mark.parametrize(
    ("model", "distortion", "expected"),
    [
        ("", [], "pinhole"),
        ("plumb_bob", [], "pinhole"),
        ("plumb_bob", [0.0] * 5, "pinhole"),
        ("rational_polynomial", [0.0] * 8, "pinhole"),
        ("plumb_bob", [0.1, 0.0, 0.0, 0.0], "plumb_bob"),
        ("rational_polynomial", [0.1] * 14, "rational_polynomial"),
        ("fisheye", [0.1, 0.0, 0.0, 0.0], "equidistant"),
        ("equidistant", [0.0] * 4, "equidistant"),
    ],
)
def test_lens_models_are_known_by_their_ros_names(model: str, distortion: list[float], expected: str) -> None:
    camera = Camera(K, 640, 480, np.array(distortion), model)
    assert camera.model == expected
    assert camera.distortion.size == (0 if expected == "pinhole" else len(distortion))


@pytest.mark.parametrize(
    ("model", "distortion", "message"),
    [
        ("kannala", [0.1], "distortion model"),
        ("", [0.1] * 5, "0 coefficients"),
        ("plumb_bob", [0.1] * 8, "4 or 5 coefficients, got 8"),
        ("rational_polynomial", [0.1] * 5, "8 or 12 or 14 coefficients, got 5"),
        ("equidistant", [0.1] * 5, "4 coefficients, got 5"),
        ("plumb_bob", [0.1, np.nan, 0.0, 0.0, 0.0], "finite"),
        ("plumb_bob", ["x"], "list of numbers"),
    ],
)
def test_invalid_lens_is_an_error(model: str, distortion: list[float], message: str) -> None:
    with pytest.raises(CameraError, match=message):
        Camera(K, 640, 480, distortion, model)  # type: ignore[arg-type]


@pytest.mark.parametrize("model_line", ["distortion_model: plumb_bob\n", ""], ids=["named", "default"])
def test_calibration_file_is_read(tmp_path: Path, model_line: str) -> None:
    path = tmp_path / "camera.yaml"
    path.write_text(CALIBRATION.replace("distortion_model: plumb_bob\n", model_line))
    for camera in (Camera.from_yaml(path), Camera.from_yaml(str(path))):
        np.testing.assert_array_equal(camera.K_px, K)
        assert (camera.width_px, camera.height_px, camera.model) == (640, 480, "plumb_bob")
        np.testing.assert_array_equal(camera.distortion, [-0.3, 0.1, 0.001, -0.001, 0.0])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("image_width: 640\n", "", "image_width"),
        ("image_width: 640", "image_width: true", "image_width"),
        ("240, 0, 0, 1]", "240]", "9 numbers, got 6"),
        ("240, 0, 0, 1]", "240, 0, 0, one]", "list of numbers"),
        ("distortion_coefficients", "coefficients", "distortion_coefficients"),
        ("plumb_bob", "brown", "distortion model"),
        ("camera_name: head", "camera_name: [", "readable YAML"),
        (CALIBRATION, "- 1\n", "mapping"),
        (CALIBRATION, "", "mapping"),
    ],
)
def test_invalid_calibration_file_is_an_error(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "camera.yaml"
    path.write_text(CALIBRATION.replace(old, new))
    with pytest.raises(CameraError, match=message):
        Camera.from_yaml(path)


def test_unreadable_calibration_file_is_an_error(tmp_path: Path) -> None:
    binary = tmp_path / "image.png"
    binary.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    for path in (tmp_path / "none.yaml", tmp_path, binary):
        with pytest.raises(CameraError, match="readable YAML"):
            Camera.from_yaml(path)
