from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pose3d_ros.drawing.video_writer import VideoWriter
from pose3d_ros.errors import InputError


@pytest.mark.parametrize("with_ffmpeg", [True, False])
def test_video_is_written_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_ffmpeg: bool) -> None:
    if not with_ffmpeg:
        monkeypatch.setattr("pose3d_ros.drawing.video_writer.find_ffmpeg", lambda: None)
    path = tmp_path / "new" / "v.mp4"
    with VideoWriter(path, 15.0) as video:
        for shade in (40, 120, 200):
            video.write(np.full((49, 65, 3), shade, np.uint8))  # odd: loses a row and a column
    capture = cv2.VideoCapture(str(path))
    images = [capture.read()[1] for _ in range(3)]
    assert [image.shape for image in images] == [(48, 64, 3)] * 3
    np.testing.assert_allclose([image.mean() for image in images], [40, 120, 200], atol=4)
    assert not capture.read()[0]


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
