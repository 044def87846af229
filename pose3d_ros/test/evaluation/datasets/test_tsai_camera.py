"""Tsai's calibration as the package's camera and floor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import CameraError
from pose3d_ros.evaluation.datasets.boxed_people import HIPS_M, hips_above_foot
from pose3d_ros.evaluation.datasets.tsai_camera import read_tsai

from .conftest import TSAI


@pytest.fixture
def calibration(tmp_path: Path) -> Path:
    """A camera whose lens bends, over a floor."""
    path = tmp_path / "camera.xml"
    path.write_text(TSAI)
    return path


def test_lens_is_that_of_the_file(calibration: Path) -> None:
    camera, _ = read_tsai(calibration)
    pixels = np.array([[10.0, 10.0], [380.0, 290.0], [760.0, 570.0], [200.0, 500.0]])
    bent = (pixels - [380.0, 290.0]) * [5e-3 / 1.1, 4.6e-3]
    straight = bent * (1 + 5e-3 * (bent**2).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(camera.rays(pixels)[:, :2], straight / 5.5, atol=2e-4)


def test_floor_is_the_plane_of_the_world(calibration: Path) -> None:
    camera, ground = read_tsai(calibration)
    # The world's origin is 20 m along the optical axis, which the floor's normal is inclined to by 2 rad.
    assert ground.height_m == pytest.approx(-20.0 * np.cos(2.0))
    foot_px = camera.project(np.array([[0.0, 0.0, 20.0]]))[0]
    hips = np.array([0.0, 0.0, 20.0]) + HIPS_M * ground.up_cam
    np.testing.assert_allclose(hips_above_foot(foot_px, camera, ground), hips, rtol=1e-3)


@pytest.mark.parametrize(
    "text", ["<Camera><Geometry width='3'/></Camera>", "no XML", TSAI.replace("5.5", "x"), TSAI.replace("576", "1e308")]
)
def test_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.xml"
    path.write_text(text)
    with pytest.raises(CameraError, match="calibration"):
        read_tsai(path)
