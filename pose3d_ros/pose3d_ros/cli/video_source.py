"""Videos, cameras of this machine, and streams, frame by frame, each with its own time."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from pose3d_ros.bags.image_decoding import MAX_IMAGE_PIXELS, check_pixels
from pose3d_ros.errors import InputError, Pose3DError
from pose3d_ros.records import Detection, Frame
from pose3d_ros.types import ImageArray

SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "udp", "tcp", "srt")
"""Of the streams that can be read."""

_DEFAULT_RATE_HZ = 30.0
_FINE_RATE_HZ = 60.0
# Above it the container's rate is that of its clock: a WebM of variable rate has 1000.
_MAX_RATE_HZ = 240.0
_CONVERT_FIX = "Convert it, for example with `ffmpeg -i IN out.mp4`."


@dataclass(frozen=True, eq=False)
class SourceFrame:
    """One image, or why there is none. name: the file's name, or the frame's number in a video.

    image_bgr: (H, W, 3) uint8, None with an error. stamp_ns: time in the video, of a camera the system's time, 0 for
    stills, STILL where it is not known. turned: by the orientation that its EXIF has. focal_px: that its EXIF says.
    frame: the same with its camera and scene, of a source that brings them. detections: of another detector, recorded.
    """

    name: str | int
    stamp_ns: int
    image_bgr: ImageArray | None
    error: Pose3DError | None = None
    turned: bool = False
    focal_px: float | None = None
    frame: Frame | None = None
    detections: tuple[Detection, ...] | None = None


class Source(Protocol):
    """Frames in order. count: how many, None while unknown. stills: whether each frame stands for itself.

    brings_cameras: whether each has its camera. skipped: names of what is in the folder and no image. remarks: what the
    user should know besides, complete after the last frame.
    """

    stills: bool
    brings_cameras: bool
    count: int | None
    rate_hz: float
    skipped: tuple[str, ...]

    @property
    def remarks(self) -> tuple[str, ...]:
        """See above."""

    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames, once."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep OpenCV and FFmpeg from saying on stderr what the errors here say in their own words.

    The environment has the last word: OPENCV_FFMPEG_LOGLEVEL=32 shows it all.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read as the first video is opened
    log = cv2.utils.logging
    before = log.getLogLevel()
    log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        log.setLogLevel(before)


class Video:
    """A video file; a camera, by its number or device; or a stream, by its URL.

    Cameras and live streams last until the user ends them. Raises InputError for what OpenCV can't open, and for frames
    of more pixels than max_pixels.
    """

    stills = False
    brings_cameras = False
    skipped: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def __init__(self, source: Path | str | int, max_pixels: int = MAX_IMAGE_PIXELS) -> None:
        self._source = source
        self._stack = ExitStack()
        with _quiet():
            self._capture = self._opened()
        if not self._capture.isOpened():
            raise self._unreadable("nothing it can open")
        size_px = [int(self._capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)]
        if size_px[0] * size_px[1] > max_pixels:
            check_pixels(self._subject, size_px[0], size_px[1], max_pixels)
        rate_hz = float(self._capture.get(cv2.CAP_PROP_FPS))
        is_variable = rate_hz > _MAX_RATE_HZ
        is_known = np.isfinite(rate_hz) and rate_hz > 0
        self.rate_hz = _FINE_RATE_HZ if is_variable else rate_hz if is_known else _DEFAULT_RATE_HZ
        frames = 0 if isinstance(source, int) else int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._is_live = not isinstance(source, Path) and frames <= 0
        self.count: int | None = frames if frames > 0 and not is_variable else None

    def __iter__(self) -> Iterator[SourceFrame]:
        number, stamp_ns = 0, -1
        booted_ns = time.time_ns() - time.monotonic_ns()  # a clock that is set must not move a camera's frames in time
        with self._stack:
            while True:
                there, image = self._capture.read()
                if not there:
                    break
                stamp_ns = booted_ns + time.monotonic_ns() if self._is_live else self._next_stamp_ns(stamp_ns)
                yield SourceFrame(number, stamp_ns, np.asarray(image, dtype=np.uint8))
                number += 1
            self._capture.release()
        if number == 0 and not isinstance(self._source, int):
            raise self._unreadable("no frame in it")

    def _next_stamp_ns(self, last_ns: int) -> int:
        """The time of the frame that was read; of one without its own, an interval after the last."""
        stamp_ns = round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        if stamp_ns > last_ns:
            return stamp_ns
        return last_ns + round(1e9 / self.rate_hz)

    def _opened(self) -> cv2.VideoCapture:
        source = self._source
        if isinstance(source, int):
            return cv2.VideoCapture(source)
        if isinstance(source, str):
            return cv2.VideoCapture(source, cv2.CAP_V4L2 if source.startswith("/") else cv2.CAP_FFMPEG)
        if cv2.CAP_FFMPEG not in cv2.videoio_registry.getStreamBackends():
            return cv2.VideoCapture(os.fspath(source))
        # By descriptor: in a name, `:`, `%` and a dash mean something else to ffmpeg, and OpenCV needs UTF-8.
        file = self._stack.enter_context(source.open("rb"))
        return cv2.VideoCapture(f"/proc/self/fd/{file.fileno()}", cv2.CAP_FFMPEG)

    @property
    def _subject(self) -> str:
        if isinstance(self._source, Path):
            return f"source {self._source}"
        # Not the password of an URL.
        return f"camera {re.sub(r'//[^/@]*@', '//…@', str(self._source))}"

    def _unreadable(self, got: str) -> InputError:
        expected, fix = "an image or a video that OpenCV can decode", _CONVERT_FIX
        if isinstance(self._source, str) and "://" in self._source:
            expected = "a stream that OpenCV's FFmpeg can open"
            fix = "Try the same URL with `ffplay URL`: address, path, user name and password, and the network."
        elif not isinstance(self._source, Path):
            expected = "a camera that OpenCV can open"
            fix = "See `pose3d doctor` for the cameras of this machine, and whether you may use them."
        return InputError(self._subject, expected=expected, got=got, fix=fix)
