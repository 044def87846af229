"""Videos are written and read back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pose3d_ros.drawing.video_writer import VideoWriter
from pose3d_ros.errors import InputError


def test_video_is_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "v.mp4"
    with VideoWriter(path, 15.0) as video:
        for shade in (40, 120, 200):
            video.write(np.full((49, 65, 3), shade, np.uint8))  # odd: loses a row and a column
    capture = cv2.VideoCapture(str(path))
    shades = []
    while True:
        there, image = capture.read()
        if not there:
            break
        shades.append(round(float(image.mean())))
    assert image is None or image.shape == (48, 64, 3)
    np.testing.assert_allclose(shades, [40, 120, 200], atol=4)


def test_video_without_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pose3d_ros.drawing.video_writer.find_ffmpeg", lambda: None)
    with VideoWriter(tmp_path / "v.mp4", 15.0) as video:
        video.write(np.full((48, 64, 3), 90, np.uint8))
    there, image = cv2.VideoCapture(str(tmp_path / "v.mp4")).read()
    assert there
    assert image.shape == (48, 64, 3)


def test_frames_of_another_size_are_an_error(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", 15.0) as video:
        video.write(np.zeros((48, 64, 3), np.uint8))
        with pytest.raises(InputError, match="video frame"):
            video.write(np.zeros((64, 64, 3), np.uint8))


def test_failing_encoder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").mkdir()
    video = VideoWriter(tmp_path / "v.mp4", 15.0)
    video.write(np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(InputError, match="ffmpeg"):
        video.close()
