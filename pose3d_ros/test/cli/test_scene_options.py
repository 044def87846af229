"""What is known of the scene, from options and files."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose3d_ros.cli.scene_options import add_scene_options, floor_of_file, open_depth_folder, scene_parameters
from pose3d_ros.errors import InputError
from pose3d_ros.geometry import Camera

CAMERA = Camera.from_hfov(60.0, 64, 48)


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_scene_options(parser)
    return parser.parse_args(arguments)


def test_options_are_parameters() -> None:
    assert scene_parameters(parsed()) == {}
    asked = parsed("--camera-height", "1.2", "--camera-pitch", "-8", "--known-height", "1.82")
    assert scene_parameters(asked) == {"camera_height_m": 1.2, "camera_pitch_deg": -8.0, "known_height_m": 1.82}


def test_file_of_a_mounting_is_overruled_by_options(tmp_path: Path) -> None:
    (tmp_path / "floor.yaml").write_text("camera_height_m: 1.1\ncamera_pitch_deg: -5\n")
    asked = parsed("--ground", str(tmp_path / "floor.yaml"), "--camera-height", "1.3")
    assert scene_parameters(asked) == {"camera_height_m": 1.3, "camera_pitch_deg": -5}
    assert floor_of_file(asked.ground) is None


def test_file_of_a_plane(tmp_path: Path) -> None:
    (tmp_path / "floor.yaml").write_text("up: [0, -2, 0]\nheight_m: 1.5\n")
    ground = floor_of_file(str(tmp_path / "floor.yaml"))
    assert ground is not None
    np.testing.assert_allclose(ground.up_cam, [0, -1, 0])
    assert ground.height_m == 1.5


@pytest.mark.parametrize(
    "text",
    ["[1, 2]", "height_m: 1", "up: [0, -1]\nheight_m: 1", "up: [0, -1, 0]", "camera_height_m: 1\npitch: 2", ": :"],
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "floor.yaml").write_text(text)
    with pytest.raises(InputError, match="floor"):
        floor_of_file(str(tmp_path / "floor.yaml"))


def test_depth_by_name_or_number(tmp_path: Path) -> None:
    for name, mm in (("street", 1000), ("000007", 2000)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((24, 32), mm, dtype=np.uint16))
    folder = open_depth_folder(str(tmp_path))
    assert folder is not None
    by_name, by_number = folder.of_frame("street.jpg", 0, CAMERA), folder.of_frame(7, 7, CAMERA)
    assert by_name is not None
    assert by_number is not None
    assert by_name.depth_m[0, 0] == 1.0
    assert by_number.depth_m[0, 0] == 2.0
    assert (by_name.camera.width_px, by_name.camera.height_px) == (32, 24)
    assert folder.of_frame(8, 8, CAMERA) is None
    assert open_depth_folder(None) is None


def test_depth_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    for name in ("none", "x" * 300, "a\0b"):
        with pytest.raises(InputError, match="folder"):
            open_depth_folder(str(tmp_path / name))
