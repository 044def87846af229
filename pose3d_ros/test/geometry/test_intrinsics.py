"""What a camera may be made from: matrices, sizes, raw or rectified images."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.errors import CameraError
from pose3d_ros.geometry.camera import Camera, calibrated_camera
from pose3d_ros.geometry.intrinsics import Calibration

K = np.array([[500.0, 0.0, 320.0], [0.0, 510.0, 240.0], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.zeros((3, 3)), "zeros .an uncalibrated camera"),
        (np.eye(3), "identity .an uncalibrated camera"),
        (np.full((3, 3), np.nan), "finite"),
        (np.eye(4), r"shape \(4, 4\)"),
        (np.diag([500.0, -500.0, 1.0]), "fx, fy > 0"),
        (np.diag([500.0, 500.0, 2.0]), "fx, fy > 0"),
        (K + np.array([[0.0, 300.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), "little skew"),
        (K.T, "row by row"),
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


def calibration(**changes: Any) -> Calibration:
    P = np.hstack([np.array([[400.0, 0.0, 310.0], [0.0, 400.0, 230.0], [0.0, 0.0, 1.0]]), [[-40.0], [0.0], [0.0]]])
    fields = {"K_px": K, "width_px": 640, "height_px": 480, "distortion": np.array([-0.3, 0.1, 0.0, 0.0, 0.0])}
    return Calibration(**{**fields, "model": "plumb_bob", "P_px": P, **changes})


def test_rectified_image_has_the_matrix_of_p_and_no_distortion() -> None:
    raw = calibrated_camera(calibration())
    assert (raw.fx_px, raw.model) == (500.0, "plumb_bob")
    rectified = calibrated_camera(calibration(), rectified=True)
    assert (rectified.fx_px, rectified.cx_px, rectified.model) == (400.0, 310.0, "pinhole")


def test_zeros_beside_a_projection_matrix_are_an_image_that_comes_rectified() -> None:
    read = calibration(K_px=np.zeros((3, 3)), distortion=np.zeros(5))
    assert calibrated_camera(read).fx_px == 400.0
    with pytest.raises(CameraError, match="Write K of the raw image"):
        calibrated_camera(calibration(K_px=np.zeros((3, 3))))


def test_rectified_image_without_p_needs_a_lens_without_distortion() -> None:
    with pytest.raises(CameraError, match="image_raw"):
        calibrated_camera(calibration(P_px=np.zeros((3, 4))), rectified=True)
    read = calibration(P_px=np.zeros((3, 4)), distortion=np.zeros(5))
    assert calibrated_camera(read, rectified=True).fx_px == 500.0


def test_region_and_binning_apply_to_the_raw_and_the_rectified_image() -> None:
    read = calibration(roi_px=(100, 40, 400, 400), binning=(2, 2))
    for rectified, c_px in ((False, 320.0), (True, 310.0)):
        camera = calibrated_camera(read, rectified=rectified)
        assert (camera.width_px, camera.height_px) == (200, 200)
        assert camera.cx_px == pytest.approx((c_px - 100 + 0.5) / 2 - 0.5)
