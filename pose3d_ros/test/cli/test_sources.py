from __future__ import annotations

import os
import struct
from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest

from pose3d_ros.cli.sources import Stills, camera_of_frame, camera_of_size, open_camera, open_source, remarks_on
from pose3d_ros.cli.video_source import SourceFrame, Video
from pose3d_ros.errors import CameraError, InputError
from pose3d_ros.geometry.camera import Camera


def test_images_folders_and_videos_are_distinguished(photos: Path, video: Path) -> None:
    assert isinstance(open_source(str(photos)), Stills)
    assert isinstance(open_source(str(photos / "a.png")), Stills)
    source = open_source(str(video))
    assert isinstance(source, Video)
    assert (source.count, source.rate_hz) == (10, 10.0)
    assert [frame.stamp_ns for frame in source][:3] == [0, 100_000_000, 200_000_000]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("none", "no such file"),
        ("a\0b", "no such file"),
        ("empty", "none in it"),
        ("x.mp4", "video"),
        ("99", "pose3d doctor"),
        ("/dev/video99", "no such device.*pose3d doctor"),
        ("img_%04d.png", "a pattern of names.*Name the folder"),
        ("*.png", "a pattern of names.*Name the folder"),
        ("ftp://host/x.mp4", "a URL of ftp.*rtsp, rtsps, http"),
        ("file:///x.mp4", "a URL of file.*by its path"),
        ("pipe", "a pipe, a socket or a device"),
        ("photo.nef", "a camera's raw file.*JPEG"),
    ],
)
def test_unusable_sources_are_errors(
    source: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    for name in ("x.mp4", "photo.nef"):
        (tmp_path / name).write_bytes(b"\0" * 64)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=message):
        open_source(source)


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


def with_focal_length(photo: Path, jpeg: Path, focal_35mm_mm: int) -> Path:
    """The photo as a JPEG with FocalLengthIn35mmFilm in its EXIF."""
    plain = cv2.imencode(".jpg", np.asarray(cv2.imread(str(photo))))[1].tobytes()
    exif = struct.pack(
        "<2sHIHHHIIIHHHIIHHI", b"II", 42, 8, 1, 0x8769, 4, 1, 26, 0, 1, 0xA405, 3, 1, focal_35mm_mm, 0, 0, 0
    )
    jpeg.write_bytes(plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif + plain[2:])
    return jpeg


def test_focal_length_of_exif_is_that_of_the_turned_image_too(photos: Path, tmp_path: Path) -> None:
    (frame,) = open_source(str(with_focal_length(photos / "a.png", tmp_path / "a.jpg", 26)))
    assert frame.focal_px == pytest.approx(26 / np.hypot(36, 24) * 400, rel=1e-9)
    camera = camera_of_frame(None, frame, 240, 320)
    assert (camera.width_px, camera.fx_px, camera.fy_px) == pytest.approx((240, frame.focal_px, frame.focal_px))
    assert camera_of_frame(90.0, frame, 320, 240).fx_px == pytest.approx(160)
    with pytest.raises(CameraError, match="no focal length in the EXIF"):
        camera_of_frame(None, SourceFrame("b", 0, None), 320, 240)
    assert open_camera(None, None, stills=True) is None
    with pytest.raises(CameraError, match="only photos have EXIF"):
        open_camera(None, None)


def camera_of_two_images(number: int) -> Mock:
    """Stands in for OpenCV's camera; the user presses Ctrl-C after two images."""
    found = True, cv2.imread("a.png")
    return Mock(**{"get.return_value": 0.0, "read.side_effect": [found, found, KeyboardInterrupt]})


def test_live_camera_has_no_count_and_stamps_of_the_clock(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    monkeypatch.setattr("pose3d_ros.cli.video_source.cv2.VideoCapture", camera_of_two_images)
    camera = open_source("0")
    assert (camera.count, camera.rate_hz, camera.stills) == (None, 30.0, False)
    frames = iter(camera)
    assert 0 < next(frames).stamp_ns < next(frames).stamp_ns


def test_what_a_file_is_its_content_says(photos: Path, video: Path) -> None:
    (photos / "a.png").rename(photos / "a.mp4")
    assert isinstance(open_source(str(photos / "a.mp4")), Stills)
    heic = photos / "photo.mp4"
    heic.write_bytes(b"\0\0\0\x24ftypheic" + bytes(200))
    (frame,) = open_source(str(heic))
    assert "got HEIC" in str(frame.error)
    assert isinstance(open_source(str(video.rename(photos / "v"))), Video)


def test_what_a_folder_has_besides_images_is_named(photos: Path) -> None:
    (photos / "b.heic").write_bytes(b"\0\0\0\x24ftypheic" + bytes(200))
    (photos / "notes.txt").touch()
    (photos / "more").mkdir()
    source = open_source(str(photos))
    assert source.skipped == ("more", "notes.txt")
    assert [(frame.name, frame.error is None) for frame in source] == [
        ("a.png", True),
        ("b.heic", False),
        ("b.png", True),
        ("c.png", True),
    ]


def test_images_of_too_many_pixels_are_errors_of_their_own(photos: Path) -> None:
    frames = list(open_source(str(photos), max_pixels=320 * 240 - 1))
    assert [frame.image_bgr for frame in frames] == [None] * 3
    assert all("320x240, by its header" in str(frame.error) for frame in frames)


def test_rotation_of_exif_comes_before_the_camera(tmp_path: Path) -> None:
    plain = bytes(cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1])
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6
    tagged = plain[:2] + b"\xff\xe1" + (len(tiff) + 8).to_bytes(2, "big") + b"Exif\0\0" + tiff + plain[2:]
    (tmp_path / "held.jpg").write_bytes(tagged)
    (frame,) = open_source(str(tmp_path / "held.jpg"))
    assert frame.image_bgr is not None
    assert frame.image_bgr.shape == (64, 48, 3)
    upright = Camera.from_hfov(60.0, 48, 64)
    assert camera_of_size(upright, 48, 64, turned=frame.turned) is upright
    with pytest.raises(CameraError, match=r"48x64 after the turn that its EXIF asks for\. Calibrate images held like"):
        camera_of_size(Camera.from_hfov(60.0, 64, 48), 48, 64, turned=frame.turned)


def test_long_and_flat_images_are_read(tmp_path: Path) -> None:
    for shape in ((20, 4000, 3), (4000, 20, 3), (1, 1, 3)):
        (tmp_path / "flat.png").write_bytes(bytes(cv2.imencode(".png", np.zeros(shape, np.uint8))[1]))
        (frame,) = open_source(str(tmp_path / "flat.png"))
        assert frame.image_bgr is not None
        assert frame.image_bgr.shape == shape
