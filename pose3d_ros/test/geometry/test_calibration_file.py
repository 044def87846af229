"""Calibration files of ROS, OpenCV and Kalibr, whole and damaged."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pose3d_ros.errors import CameraError
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.calibration_file import read_calibration

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
        ("plumb_bob", "magic", "distortion model"),
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
        with pytest.raises(CameraError, match=r"readable YAML|text in UTF-8"):
            Camera.from_yaml(path)


MESSAGE = """\
header:
  stamp: {sec: 12, nanosec: 500}
  frame_id: cam
height: 480
width: 640
distortion_model: plumb_bob
d:
- -0.3
- 0.1
- 1e-05
- -3e-2
- 0.0
k: [KK]
r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
p: [PP]
binning_x: 0
binning_y: 0
roi: {x_offset: 0, y_offset: 0, height: 0, width: 0, do_rectify: false}
---
"""
ZEROS = ", ".join(["0.0"] * 9)
KNOWN = "500.0, 0.0, 320.0, 0.0, 510.0, 240.0, 0.0, 0.0, 1.0"
P = "400.0, 0.0, 310.0, 0.0, 0.0, 400.0, 230.0, 0.0, 0.0, 0.0, 1.0, 0.0"


def read(tmp_path: Path, text: str, suffix: str = "yaml", name: str = "") -> Camera:
    path = tmp_path / f"camera.{suffix}"
    path.write_text(text)
    return Camera.from_yaml(f"{path}{name}")


def test_numbers_that_yaml_takes_for_text_are_numbers(tmp_path: Path) -> None:
    text = CALIBRATION.replace("[-0.3, 0.1, 0.001, -0.001, 0.0]", "[-3e-2, 1e-1, 1e-05, -1E-4, .5]")
    assert read(tmp_path, text).distortion.tolist() == [-0.03, 0.1, 1e-05, -1e-4, 0.5]
    with pytest.raises(CameraError, match="list of numbers"):
        read(tmp_path, CALIBRATION.replace("0.001, -0.001", "0.001, 1-e4"))


def test_skew_is_used(tmp_path: Path) -> None:
    camera = read(tmp_path, CALIBRATION.replace("[500.0, 0, 320.0", "[500.0, -2.5, 320.0"))
    # u = 500 x - 2.5 y + 320 before the lens; near the axis there is none.
    np.testing.assert_allclose(camera.project([0.0, 0.001, 1.0]), [320 - 0.0025, 240.51], atol=1e-5)
    np.testing.assert_allclose(camera.project(camera.rays([500.0, 100.0])), [500.0, 100.0], atol=1e-6)


@pytest.mark.parametrize(
    ("lines", "model"),
    [
        ("distortion_model: radtan", "plumb_bob"),
        ("distortion_model: Plumb Bob", "plumb_bob"),
        ("distortion_model:", "plumb_bob"),
        ("distortion_model: ''", "plumb_bob"),
        ("camera_model: plumb_bob", "plumb_bob"),
        ("camera_model: pinhole\ndistortion_model: radtan", "plumb_bob"),
        ("camera_model: D435 front\ndistortion_model: plumb_bob", "plumb_bob"),
        ("camera_model: pinhole", "plumb_bob"),
    ],
)
def test_model_is_read_however_it_is_named(tmp_path: Path, lines: str, model: str) -> None:
    assert read(tmp_path, CALIBRATION.replace("distortion_model: plumb_bob", lines)).model == model


def test_camera_model_names_the_lens_where_nothing_else_does(tmp_path: Path) -> None:
    four = CALIBRATION.replace("-0.001, 0.0]", "-0.001]")
    assert read(tmp_path, four.replace("distortion_model: plumb_bob", "camera_model: fisheye")).model == "equidistant"
    assert read(tmp_path, four.replace("distortion_model: plumb_bob", "fisheye_model: 1")).model == "equidistant"
    with pytest.raises(CameraError, match=r"camera_model.*plumb_bob"):
        read(
            tmp_path, four.replace("distortion_model: plumb_bob", "distortion_model: plumb_bob\ncamera_model: fisheye")
        )
    with pytest.raises(CameraError, match="D435"):
        read(tmp_path, four.replace("distortion_model: plumb_bob", "camera_model: D435"))


def test_echoed_messages_are_read_also_when_the_last_is_cut_off(tmp_path: Path) -> None:
    message = MESSAGE.replace("KK", KNOWN).replace("PP", P)
    for text in (
        message,
        message * 3,
        message + message[:300],
        MESSAGE.replace("KK", ZEROS).replace("PP", "") + message,
    ):
        camera = read(tmp_path, text)
        np.testing.assert_array_equal(camera.K_px, K)
        np.testing.assert_array_equal(camera.distortion, [-0.3, 0.1, 1e-05, -0.03, 0.0])


def test_echoed_message_in_upper_case_is_read(tmp_path: Path) -> None:
    """As `rostopic echo` of ROS 1 prints it."""
    text = MESSAGE.replace("KK", KNOWN).replace("PP", P)
    for letter in "dkrp":
        text = text.replace(f"\n{letter}:", f"\n{letter.upper()}:")
    np.testing.assert_array_equal(read(tmp_path, text).K_px, K)


def test_region_and_binning_of_a_message_are_applied(tmp_path: Path) -> None:
    text = (
        MESSAGE.replace("KK", KNOWN)
        .replace("PP", P)
        .replace("binning_x: 0\nbinning_y: 0", "binning_x: 2\nbinning_y: 2")
    )
    text = text.replace(
        "x_offset: 0, y_offset: 0, height: 0, width: 0", "x_offset: 100, y_offset: 40, height: 400, width: 300"
    )
    camera = read(tmp_path, text)
    assert (camera.width_px, camera.height_px, camera.fx_px) == (150, 200, 250.0)


def test_zeros_beside_a_good_projection_matrix_are_a_rectified_image(tmp_path: Path) -> None:
    text = MESSAGE.replace("KK", ZEROS).replace("PP", P)
    with pytest.raises(CameraError, match="Write K of the raw image"):
        read(tmp_path, text)
    camera = read(tmp_path, text.replace("- -0.3\n- 0.1\n- 1e-05\n- -3e-2\n- 0.0\n", "- 0.0\n" * 5))
    assert (camera.fx_px, camera.cx_px, camera.model) == (400.0, 310.0, "pinhole")


@pytest.mark.parametrize("suffix", ["yml", "xml", "json"])
def test_file_storage_of_opencv_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"camera.{suffix}"
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write("calibration_time", "Tue 05 Mar 2024")
    storage.write("image_width", 640)
    storage.write("image_height", 480)
    storage.write("camera_matrix", K)
    storage.write("distortion_coefficients", np.array([-0.3, 0.1, 1e-5, -3e-2, 0.0]))
    storage.release()
    camera = Camera.from_yaml(path)
    np.testing.assert_array_equal(camera.K_px, K)
    assert (camera.width_px, camera.height_px, camera.model) == (640, 480, "plumb_bob")
    np.testing.assert_array_equal(camera.distortion, [-0.3, 0.1, 1e-5, -3e-2, 0.0])


def test_ost_txt_beside_ost_yaml_is_read(tmp_path: Path) -> None:
    text = (
        "# oST version 5.0 parameters\n\n[image]\n\nwidth\n640\n\nheight\n480\n\n[narrow_stereo]\n\ncamera matrix\n"
        "500.0 0.0 320.0\n0.0 510.0 240.0\n0.0 0.0 1.0\n\ndistortion\n-0.3 0.1 0.0 0.0 0.0\n\nrectification\n"
        "1 0 0\n0 1 0\n0 0 1\n\nprojection\n400 0 310 0\n0 400 230 0\n0 0 1 0\n"
    )
    camera = read(tmp_path, text, "txt")
    np.testing.assert_array_equal(camera.K_px, K)
    assert (camera.width_px, camera.height_px, camera.distortion[0]) == (640, 480, -0.3)


CAMCHAIN = """\
cam0:
  cam_overlaps: [1]
  camera_model: pinhole
  distortion_coeffs: [-0.28, 0.07, 1e-05, 2e-5]
  distortion_model: radtan
  intrinsics: [500.0, 510.0, 320.0, 240.0]
  resolution: [640, 480]
  rostopic: /cam0/image_raw
cam1:
  T_cn_cnm1:
  - [1.0, 0.0, 0.0, -0.1]
  camera_model: pinhole
  distortion_coeffs: [0.1, 0.0, 0.0, 0.0]
  distortion_model: equidistant
  intrinsics: [700.0, 710.0, 620.0, 340.0]
  resolution: [1280, 720]
"""


def test_camchain_gives_its_first_camera_or_the_one_that_is_named(tmp_path: Path) -> None:
    first = read(tmp_path, CAMCHAIN)
    np.testing.assert_array_equal(first.K_px, K)
    assert (first.width_px, first.height_px, first.model) == (640, 480, "plumb_bob")
    assert read(tmp_path, CAMCHAIN, name="#cam0").model == "plumb_bob"
    second = read(tmp_path, CAMCHAIN, name="#cam1")
    assert (second.width_px, second.fx_px, second.model) == (1280, 700.0, "equidistant")
    with pytest.raises(CameraError, match=r"cam7.*cam0, cam1"):
        read(tmp_path, CAMCHAIN, name="#cam7")
    assert read_calibration(tmp_path / "camera.yaml").choices == ("cam0", "cam1")


@pytest.mark.parametrize(
    ("camera", "intrinsics", "lens", "coefficients", "model", "expected"),
    [
        ("ds", "-0.2, 0.6, ", "none", "", "double_sphere", [-0.2, 0.6]),
        ("eucm", "0.6, 1.1, ", "none", "", "eucm", [0.6, 1.1]),
        ("omni", "0.9, ", "radtan", "-0.2, 0.1, 0.0, 0.001", "omni", [0.9, -0.2, 0.1, 0.0, 0.001]),
        ("omni", "0.9, ", "none", "", "omni", [0.9, 0.0, 0.0, 0.0, 0.0]),
        ("pinhole", "", "fov", "0.9", "fov", [0.9]),
        ("pinhole", "", "none", "", "pinhole", []),
    ],
)
def test_models_of_kalibr(
    tmp_path: Path, camera: str, intrinsics: str, lens: str, coefficients: str, model: str, expected: list[float]
) -> None:
    text = (
        f"cam0:\n  camera_model: {camera}\n  distortion_coeffs: [{coefficients}]\n  distortion_model: {lens}\n"
        f"  intrinsics: [{intrinsics}500.0, 510.0, 320.0, 240.0]\n  resolution: [640, 480]\n"
    )
    found = read(tmp_path, text)
    np.testing.assert_array_equal(found.K_px, K)
    assert (found.model, found.distortion.tolist()) == (model, expected)


def test_omni_behind_another_lens_is_refused(tmp_path: Path) -> None:
    text = "cam0:\n  camera_model: omni\n  distortion_coeffs: [0.1, 0, 0, 0]\n  distortion_model: equidistant\n"
    with pytest.raises(CameraError, match=r"camera_model.*equidistant"):
        read(tmp_path, text + "  intrinsics: [0.9, 500.0, 510.0, 320.0, 240.0]\n  resolution: [640, 480]\n")


def test_single_sensor_of_a_data_set_is_read(tmp_path: Path) -> None:
    """As EuRoC has them: sensor.yaml."""
    text = (
        "sensor_type: camera\nT_BS:\n  rows: 4\n  cols: 4\n  data: [1, 0, 0, 0]\nresolution: [640, 480]\n"
        "camera_model: pinhole\nintrinsics: [500.0, 510.0, 320.0, 240.0] #fu, fv, cu, cv\n"
        "distortion_model: radial-tangential\ndistortion_coefficients: [-0.28, 0.07, 1e-05, 2e-5]\n"
    )
    camera = read(tmp_path, text)
    np.testing.assert_array_equal(camera.K_px, K)
    assert camera.model == "plumb_bob"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("image_width: 640\n", "image_width: 640.5\n", "image_width.*integer"),
        ("image_width: 640\n", "image_width: .inf\n", "image_width.*integer"),
        ("rectification_matrix", "projection_matrix", "projection_matrix: expected 12 numbers, got 9"),
        ("[500.0, 0, 320.0, 0, 510.0", "[.nan, 0, 320.0, 0, 510.0", "finite"),
        ("-0.3", ".nan", "finite"),
        ("image_width: 640\nimage_height: 480", "image_size: [640]", "image_size.*width and height"),
        ("image_width: 640\nimage_height: 480", "image_size: [640, tall]", "image_size"),
    ],
)
def test_damaged_field_is_named_with_its_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(CameraError, match=message) as caught:
        read(tmp_path, CALIBRATION.replace(old, new))
    assert str(tmp_path / "camera.yaml") in caught.value.subject
    assert not caught.value.fix.startswith("Calibrate")


def test_file_of_something_else_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="fields of a camera"):
        read(tmp_path, "ros__parameters:\n  camera: {name: front}\n")
    with pytest.raises(CameraError, match="damaged XML"):
        read(tmp_path, "<?xml version='1.0'?>\n<opencv_storage><a></opencv_storage>", "xml")
