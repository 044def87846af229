"""Calibration files of every kind: a camera that projects, or CameraError."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import fuzz
from hostile_inputs import YAML, hostile_paths, mutated_text, with_hostile_value
from pose3d_ros.errors import CameraError
from pose3d_ros.geometry import Camera
from reliability_log import ReliabilityLog

CALIBRATION = """\
image_width: 640
image_height: 480
camera_name: head
camera_matrix: {rows: 3, cols: 3, data: [500.0, 0, 320.0, 0, 510.0, 240, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [-0.3, 0.1, 0.001, -0.001, 0.0]}
"""
OPENCV = """\
%YAML:1.0
---
image_width: 640
image_height: 480
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [500., 0., 320., 0., 500., 240., 0., 0., 1.]
distortion_coefficients: !!opencv-matrix
   data: [0.1, 0.0, 0.0, 0.0, 0.0]
"""
XML = """\
<?xml version="1.0"?>
<opencv_storage><image_width>640</image_width><image_height>480</image_height>
<camera_matrix type_id="opencv-matrix"><rows>3</rows><cols>3</cols><dt>d</dt>
<data>500. 0. 320. 0. 500. 240. 0. 0. 1.</data></camera_matrix>
<distortion_coefficients type_id="opencv-matrix"><data>0.1 0. 0. 0. 0.</data></distortion_coefficients>
</opencv_storage>
"""
KALIBR = """\
cam0:
  camera_model: pinhole
  distortion_coeffs: [0.1, 0.0, 0.0, 0.0]
  distortion_model: radtan
  intrinsics: [500.0, 500.0, 320.0, 240.0]
  resolution: [640, 480]
cam1:
  camera_model: ds
  intrinsics: [-0.2, 0.5, 300, 300, 320, 240]
  resolution: [640, 480]
  distortion_model: none
  distortion_coeffs: []
"""
INI = """\
# oST version 5.0 parameters
[image]
width
640
height
480
[narrow_stereo]
camera matrix
500.0 0.0 320.0
0.0 500.0 240.0
0.0 0.0 1.0
distortion
0.1 0.0 0.0 0.0 0.0
rectification
1 0 0 0 1 0 0 0 1
projection
500 0 320 0 0 500 240 0 0 0 1 0
"""
DIALECTS = (CALIBRATION, OPENCV, XML, KALIBR, INI, CALIBRATION + "---\n" + CALIBRATION)
COUNTS = {"plumb_bob": (4, 5), "rational_polynomial": (8, 12, 14), "equidistant": (4,), "fisheye": (4, 5),
          "double_sphere": (2,), "eucm": (2,), "omni": (5,), "fov": (1,)}  # fmt: skip
NUMBERS = ("0", "-1", "1e-05", "1e308", "-1e308", "1e155", "1e20", "-1e9", "5e-324", ".nan", ".inf", "9" * 400, "640")


def opened(path: Path, text: str) -> Camera:
    """The camera of a text; whatever it is, it projects and back-projects."""
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    camera = Camera.from_yaml(path)
    pixels = camera.project([[0.1, 0.2, 2.0], [-40.0, 3.0, 1.0]])
    camera.backproject(np.nan_to_num(pixels, posinf=0.0, neginf=0.0), np.array([2.0, 1.0]))
    return camera


def numbers(chance: random.Random) -> str:
    """A calibration of a chance lens, some of whose numbers are extreme."""

    def list_of(count: int, usual: tuple[float, float]) -> str:
        return ", ".join(
            chance.choice(NUMBERS) if chance.random() < 0.03 else f"{chance.uniform(*usual)}" for _ in range(count)
        )

    lens = chance.choice(tuple(COUNTS))
    size = chance.choice(("640", "640", "2", "65536", chance.choice(NUMBERS)))
    focal, center = (1, 5000), (-9, 900)
    rows = f"{list_of(1, focal)}, 0, {list_of(1, center)}, 0, {list_of(1, focal)}, {list_of(1, center)}, 0, 0, 1"
    return (
        f"image_width: {size}\nimage_height: 480\ncamera_matrix: {{data: [{rows}]}}\n"
        f"distortion_model: {lens}\n"
        f"distortion_coefficients: {{data: [{list_of(chance.choice(COUNTS[lens]), (-2, 2))}]}}\n"
    )


def hostile(chance: random.Random) -> str:
    """A calibration that was tampered with."""
    change, text = chance.randrange(4), chance.choice(DIALECTS)
    if change == 0:
        return with_hostile_value(text, chance)
    return mutated_text(text, chance) if change == 1 else numbers(chance)


@pytest.mark.parametrize("text", YAML.values(), ids=YAML)
def test_text_that_is_no_calibration_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(CameraError) as caught:
        opened(tmp_path / "camera.yaml", text)
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize("text", YAML.values(), ids=YAML)
@pytest.mark.parametrize("key", ["image_width", "camera_matrix", "distortion_model", "distortion_coefficients"])
def test_value_of_another_kind_is_an_error(tmp_path: Path, key: str, text: str) -> None:
    lines = [f"{key}: {text}" if line.startswith(key) else line for line in CALIBRATION.splitlines()]
    with contextlib.suppress(CameraError):
        opened(tmp_path / "camera.yaml", "\n".join(lines))


@pytest.mark.parametrize("text", DIALECTS)
def test_every_dialect_is_a_camera(tmp_path: Path, text: str) -> None:
    assert opened(tmp_path / "camera#cam0", text).fx_px == 500.0 if text != KALIBR else True


NESTED = {
    "xml": XML.replace("<image_width>", "<a>" * 90_000 + "</a>" * 90_000 + "<image_width>"),
    "open xml": "<opencv_storage>" + "<a>" * 300_000,
    "lists": 'x: "<opencv_storage>"\na: ' + "[" * 400_000,
    "json": '{"x": "<opencv_storage>", "a": ' + "[" * 400_000,
    "entities": '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><opencv_storage><a>&b;</a></opencv_storage>',
    "documents": "---\n" * 250_000,
}


@pytest.mark.parametrize("text", NESTED.values(), ids=NESTED)
def test_deep_and_long_files_are_errors(tmp_path: Path, text: str) -> None:
    with pytest.raises(CameraError):
        opened(tmp_path / "camera.xml", text)


@pytest.mark.parametrize("lens", ["plumb_bob", "rational_polynomial", "equidistant"])
@pytest.mark.parametrize("value", [1e308, -1e308, 1e155, 1e20, 10**400])
def test_coefficients_that_no_lens_has_are_an_error(lens: str, value: float) -> None:
    count = {"plumb_bob": 5, "rational_polynomial": 8, "equidistant": 4}[lens]
    with pytest.raises(CameraError, match="distortion"):
        Camera(np.diag([500.0, 500.0, 1.0]), 640, 480, [value] * count, lens)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [1e308, 1e155, 1e20, 10**400])
def test_focal_length_that_no_lens_has_is_an_error(value: float) -> None:
    with pytest.raises(CameraError, match="K"):
        Camera([[value, 0, 320], [0, 500.0, 240], [0, 0, 1]], 640, 480)  # type: ignore[arg-type]


def test_paths_without_a_calibration_are_errors(tmp_path: Path) -> None:
    for name, path in hostile_paths(tmp_path).items():
        with pytest.raises(CameraError, match=r"expected a (readable|file of up to)") as caught:
            Camera.from_yaml(path)
        assert len(str(caught.value)) < 8000, name


@settings(deadline=None)
@given(chance=st.randoms())
def test_any_calibration_is_a_camera_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random
) -> None:
    with contextlib.suppress(CameraError):
        opened(tmp_path_factory.getbasetemp() / "camera.yaml", hostile(chance))


@pytest.mark.slow
def test_100000_calibrations(tmp_path: Path, record_promise: ReliabilityLog) -> None:
    found = fuzz(lambda chance: opened(tmp_path / "camera.yaml", hostile(chance)), 100_000)
    record_promise("fuzzing: camera files", "a camera or CameraError, no hang, no blow-up", str(found), found.kept)
