from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import cv2
import pytest

from pose3d_ros.cli.sources import Stills, Video, camera_of_size, open_camera, open_source, remarks_on
from pose3d_ros.errors import CameraError, InputError
from pose3d_ros.geometry.camera import Camera


def test_images_folders_and_videos_are_distinguished(photos: Path, video: Path) -> None:
    assert isinstance(open_source(str(photos), calibrated=False), Stills)
    assert isinstance(open_source(str(photos / "a.png"), calibrated=False), Stills)
    source = open_source(str(video), calibrated=False)
    assert isinstance(source, Video)
    assert (source.count, source.rate_hz) == (10, 10.0)
    assert [frame.stamp_ns for frame in source][:3] == [0, 100_000_000, 200_000_000]


@pytest.mark.parametrize(
    ("source", "message"),
    [("none", "no such file"), ("empty", "none in it"), ("x.mp4", "video"), ("99", "pose3d doctor")],
)
def test_unusable_sources_are_errors(
    source: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.mp4").write_bytes(b"\0" * 64)
    with pytest.raises(InputError, match=message):
        open_source(source, calibrated=False)


def test_calibration_is_scaled_to_images_of_its_aspect() -> None:
    camera = Camera.from_hfov(60.0, 640, 480)
    assert camera_of_size(camera, 640, 480) is camera
    assert camera_of_size(camera, 320, 240).fx_px == pytest.approx(camera.fx_px / 2)
    with pytest.raises(CameraError, match="same aspect"):
        camera_of_size(camera, 640, 360)


def test_file_of_several_cameras_is_remarked_on_unless_one_is_chosen(tmp_path: Path) -> None:
    camera = (
        "{camera_model: pinhole, intrinsics: [500.0, 510.0, 320.0, 240.0], resolution: [640, 480], "
        "distortion_model: radtan, distortion_coeffs: [0.1, 0.0, 0.0, 0.0]}"
    )
    path = tmp_path / "camchain.yaml"
    path.write_text(f"cam0: {camera}\ncam1: {camera.replace('500.0', '700.0')}\n")
    (remark,) = remarks_on(str(path))
    assert "cam0 is used" in remark
    assert f"{path}#cam1" in remark
    assert remarks_on(f"{path}#cam1") == ()
    assert remarks_on(None) == ()
    second = open_camera(f"{path}#cam1", None)
    assert isinstance(second, Camera)
    assert second.fx_px == 700.0


def camera_of_two_images(number: int) -> Mock:
    """Stands in for OpenCV's camera; the user presses Ctrl-C after two images."""
    found = True, cv2.imread("a.png")
    return Mock(**{"get.return_value": 0.0, "read.side_effect": [found, found, KeyboardInterrupt]})


def test_live_camera_has_no_count_and_stamps_of_the_clock(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    monkeypatch.setattr("pose3d_ros.cli.sources.cv2.VideoCapture", camera_of_two_images)
    camera = open_source("0", calibrated=False)
    assert (camera.count, camera.rate_hz, camera.stills) == (None, 30.0, False)
    frames = iter(camera)
    assert 0 < next(frames).stamp_ns < next(frames).stamp_ns
