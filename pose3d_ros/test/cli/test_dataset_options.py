from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose3d_ros.cli.dataset_options import add_dataset_options, is_part, selection_of
from pose3d_ros.errors import CameraError, ConfigError, InputError
from pose3d_ros.geometry.camera import Camera

from ..evaluation.datasets.conftest import CAMERA, write_image

HFOV_DEG = 60.0


def options(*words: str, camera: str | None = None, hfov: float | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_dataset_options(parser)
    return argparse.Namespace(**vars(parser.parse_args(words)), camera=camera, hfov=hfov)


def write_video(path: Path, width_px: int, height_px: int) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (width_px, height_px))
    for _ in range(2):
        writer.write(np.full((height_px, width_px, 3), 80, dtype=np.uint8))
    writer.release()
    return path


def test_without_options_all_of_a_dataset_is_selected(tmp_path: Path) -> None:
    args = options()
    assert not is_part(args)
    selected = selection_of(args, tmp_path)
    assert (selected.camera, selected.ground, selected.images) == (None, None, None)
    for words in (("--format", "mot"), ("--sequence", "a*"), ("--view", "00_00"), ("--images", "x")):
        assert is_part(options(*words)) is True


def test_images_that_are_not_there_and_steps_below_one_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a folder or a video, got nothing"):
        selection_of(options("--images", str(tmp_path / "none")), tmp_path)
    with pytest.raises(ConfigError, match="--step: expected 1 or more, got 0"):
        selection_of(options(), tmp_path, step=0)


def test_field_of_view_is_of_the_images_size(tmp_path: Path) -> None:
    write_image(tmp_path / "set/img1/000001.jpg")
    selected = selection_of(options(hfov=HFOV_DEG), tmp_path / "set")
    assert selected.camera is not None
    expected = Camera.from_hfov(HFOV_DEG, CAMERA.width_px, CAMERA.height_px)
    np.testing.assert_allclose(selected.camera.K_px, expected.K_px)


def test_field_of_view_is_of_the_videos_size(tmp_path: Path) -> None:
    video = write_video(tmp_path / "film.avi", 64, 48)
    selected = selection_of(options("--images", str(video), hfov=HFOV_DEG), tmp_path)
    assert selected.camera is not None
    assert (selected.camera.width_px, selected.camera.height_px) == (64, 48)


def test_field_of_view_without_images_is_no_camera(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert selection_of(options(hfov=HFOV_DEG), tmp_path / "empty").camera is None


def test_calibrations_are_read_those_of_tsai_with_their_floor(tmp_path: Path) -> None:
    calibration = tmp_path / "camera.yaml"
    calibration.write_text(
        "image_width: 64\nimage_height: 48\ndistortion_model: plumb_bob\n"
        "camera_matrix: {rows: 3, cols: 3, data: [50, 0, 32, 0, 50, 24, 0, 0, 1]}\n"
        "distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}\n"
    )
    selected = selection_of(options(camera=str(calibration)), tmp_path)
    assert selected.camera is not None
    assert (selected.camera.fx_px, selected.ground) == (50.0, None)
    (tmp_path / "other.XML").write_text("<Camera/>")
    with pytest.raises(CameraError, match="Tsai"):
        selection_of(options(camera=str(tmp_path / "other.XML")), tmp_path)
