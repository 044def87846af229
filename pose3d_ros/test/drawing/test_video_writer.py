from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose3d_ros.drawing.video_writer import VideoWriter, find_ffmpeg
from pose3d_ros.errors import InputError, OutputError

from ..conftest import FileLimit


def write_noise(path: Path, frames: int) -> None:
    rng = np.random.default_rng(0)
    with VideoWriter(path, 15.0) as video:
        for _ in range(frames):
            video.write(rng.integers(0, 255, (96, 128, 3), np.uint8))


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


@pytest.mark.skipif(find_ffmpeg() is None, reason="needs ffmpeg")
def test_encoder_ends_with_a_killed_writer(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    code = (
        "import sys, time, numpy as np; from pathlib import Path\n"
        "from pose3d_ros.drawing.video_writer import VideoWriter\n"
        "video = VideoWriter(Path(sys.argv[1]), 15.0)\n"
        "for shade in range(0, 200, 10): video.write(np.full((48, 64, 3), shade, np.uint8))\n"
        "import os; print(open(f'/proc/self/task/{os.getpid()}/children').read(), flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        encoder = int(writer.stdout.readline())
        writer.kill()
    deadline_s = time.monotonic() + 60
    while Path(f"/proc/{encoder}").exists():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_frames_of_another_size_are_an_error(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", 15.0) as video:
        video.write(np.zeros((48, 64, 3), np.uint8))
        with pytest.raises(InputError, match="video frame"):
            video.write(np.zeros((64, 64, 3), np.uint8))


def test_failing_encoder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").mkdir()
    video = VideoWriter(tmp_path / "v.mp4", 15.0)
    video.write(np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(OutputError, match="got a folder"):
        video.close()
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]


@pytest.mark.parametrize(
    ("says", "code", "got"),
    [
        ("av_interleaved_write_frame(): No space left on device", 0, "a full disk"),
        ("Error writing trailer: File too large", 1, "a limit of the file's size"),
        ("Unknown encoder 'libx264'", 1, "an ffmpeg without libx264.*apt install ffmpeg"),
        ("something new", 0, r"an error of ffmpeg \(exit code 0\)"),
        ("", 3, r"an error of ffmpeg \(exit code 3\)"),
    ],
)
def test_encoder_that_wrote_to_its_log_has_failed_whatever_its_exit_code(
    says: str, code: int, got: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\ncat >/dev/null\nprintf '%s' \"{says}\" >&2\nexit {code}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr("pose3d_ros.drawing.video_writer.find_ffmpeg", lambda: str(program))
    (tmp_path / "v.mp4").write_bytes(b"the one before")
    with pytest.raises(OutputError, match=rf"v\.mp4: expected a file that can be written, got {got}") as caught:
        write_noise(tmp_path / "v.mp4", 1)
    assert says not in str(caught.value) or not says
    assert (tmp_path / "v.mp4").read_bytes() == b"the one before"


@pytest.mark.parametrize("with_ffmpeg", [True, False])
@pytest.mark.parametrize("room_bytes", [100, 30_000])
def test_video_without_room_is_an_error_and_leaves_none(
    room_bytes: int, with_ffmpeg: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_limit: FileLimit
) -> None:
    if not with_ffmpeg:
        monkeypatch.setattr("pose3d_ros.drawing.video_writer.find_ffmpeg", lambda: None)
    with file_limit(room_bytes), pytest.raises(OutputError, match=r"v\.mp4: expected a file that can be written"):
        write_noise(tmp_path / "v.mp4", 20)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a:b.mp4", "-y.mp4", "%04d.mp4", "caf\udce9.mp4", "http:x.mp4"])
def test_names_mean_nothing_else_to_the_encoder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with VideoWriter(Path(name), 15.0) as video:
        video.write(np.zeros((48, 64, 3), np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).stat().st_size > 500


def test_frames_last_until_the_next_ones_time(tmp_path: Path) -> None:
    times_s = [5.0, 5.084, 5.129, 5.196, 5.5, 5.52, 5.54, 6.0]
    with VideoWriter(tmp_path / "v.mp4", 60.0) as video:
        for shade, time_s in zip(range(20, 200, 22), times_s, strict=False):
            video.write(np.full((48, 64, 3), shade, np.uint8), time_s)
    capture, shades = cv2.VideoCapture(str(tmp_path / "v.mp4")), []
    assert capture.get(cv2.CAP_PROP_FPS) == 60.0
    while (read := capture.read())[0]:
        shades.append(round((float(read[1].mean()) - 20) / 22))
    starts = [shades.index(number) / 60.0 for number in range(8)]
    np.testing.assert_allclose(starts, np.array(times_s) - 5.0, atol=0.5 / 60 + 1e-6)
    assert len(shades) == 61


def test_frames_that_come_faster_than_the_rate_are_left_out(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", 10.0) as video:
        for number in range(100):
            video.write(np.zeros((48, 64, 3), np.uint8), number / 50)
    assert cv2.VideoCapture(str(tmp_path / "v.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) in (20, 21, 22)
