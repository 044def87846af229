"""Videos, cameras and streams: names, times, sizes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest

from pose3d_ros.cli.sources import open_source
from pose3d_ros.cli.video_source import Video
from pose3d_ros.drawing.video_writer import find_ffmpeg
from pose3d_ros.errors import InputError

# Uneven, as of a camera whose exposure follows the light.
TIMES_MS = (0, 84, 129, 196, 265, 335, 500, 512)


@pytest.fixture
def uneven_video(tmp_path: Path) -> Path:
    """A WebM whose frames have the times above."""
    ffmpeg = find_ffmpeg()
    if ffmpeg is None:
        pytest.skip("needs ffmpeg")
    chosen = "+".join(f"{time}*eq(N,{number})" for number, time in enumerate(TIMES_MS))
    path = tmp_path / "uneven.webm"
    made = f"testsrc=size=64x48:rate=10:duration={len(TIMES_MS) / 10}"
    change = f"settb=1/1000,setpts='{chosen}'"
    options = ["-f", "lavfi", "-i", made, "-vf", change, "-fps_mode", "vfr", "-enc_time_base", "1/1000", str(path)]
    subprocess.run([ffmpeg, "-loglevel", "error", "-y", *options], check=True)
    return path


def test_frames_of_a_variable_rate_have_their_own_times(uneven_video: Path) -> None:
    source = open_source(str(uneven_video))
    assert [frame.stamp_ns for frame in source] == [time * 1_000_000 for time in TIMES_MS]
    assert source.count is None or source.count == len(TIMES_MS)
    assert source.rate_hz <= 60.0


@pytest.mark.parametrize("name", ["a:b.avi", "-v.avi", "v%04d.avi", "caf\udce9.avi", "http:v.avi", "v.jpg.avi", "7"])
def test_names_mean_nothing_else_to_the_decoder(
    name: str, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    video.rename(name)
    assert len(list(open_source(name))) == 10


def test_streams_are_read_by_url(video: Path, tmp_path: Path) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        source = open_source(f"http://127.0.0.1:{server.server_port}/{video.name}")
        assert source.count == 10
        assert [frame.stamp_ns for frame in source][:2] == [0, 100_000_000]
        with pytest.raises(InputError, match="ffplay"):
            open_source(f"http://127.0.0.1:{server.server_port}/none.mp4")
    finally:
        server.shutdown()
        server.server_close()


def _two_images(*arguments: object) -> Mock:
    found = True, np.zeros((48, 64, 3), np.uint8)
    return Mock(**{"get.return_value": 0.0, "read.side_effect": [found, found, (False, None)]})


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mock]:
    """Stands in for OpenCV's capture."""
    capture = Mock(side_effect=_two_images)
    monkeypatch.setattr("pose3d_ros.cli.video_source.cv2.VideoCapture", capture)
    return capture


def test_live_streams_and_devices_have_stamps_of_the_clock(opened: Mock) -> None:
    for text, backend in (("rtsp://host/1", cv2.CAP_FFMPEG), ("/dev/null", cv2.CAP_V4L2)):
        source = open_source(text)
        opened.assert_called_with(text, backend)
        assert source.count is None
        first, second = (frame.stamp_ns for frame in source)
        assert 1e18 < first < second


def test_password_of_a_stream_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = Mock(**{"return_value.isOpened.return_value": False})
    monkeypatch.setattr("pose3d_ros.cli.video_source.cv2.VideoCapture", closed)
    with pytest.raises(InputError, match="camera rtsp://…@host:554/x: expected a stream") as caught:
        open_source("rtsp://anna:secret@host:554/x")
    assert "secret" not in str(caught.value)


def test_videos_of_too_many_pixels_are_refused_by_their_header(video: Path) -> None:
    assert len(list(Video(video, 320 * 240))) == 10
    with pytest.raises(InputError, match="320x240, by its header"):
        Video(video, 320 * 240 - 1)


def test_frames_without_times_are_an_interval_apart(opened: Mock, tmp_path: Path) -> None:
    (tmp_path / "v.avi").touch()
    assert [frame.stamp_ns for frame in Video(tmp_path / "v.avi")] == [0, 33_333_333]


def test_decoders_say_nothing_beside_the_error(tmp_path: Path) -> None:
    (tmp_path / "cut.mp4").write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0isomiso2\0\0\0\x08free" + bytes(100))
    # In a process of its own: FFmpeg is told once, as the first video of a process is opened.
    program = (
        "import sys\nfrom pose3d_ros.cli.sources import open_source\nfrom pose3d_ros.errors import InputError\n"
        "try:\n    open_source(sys.argv[1])\nexcept InputError as error:\n    print(error)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "cut.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "nothing it can open" in done.stdout
    assert done.stderr == ""
