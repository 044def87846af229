"""Where images come from: a file, a folder, a video, a camera."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from pose3d_ros.errors import InputError
from pose3d_ros.types import ImageArray

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
_DEFAULT_RATE_HZ = 30.0
_FIX_IMAGE = "Look at it in another program; OpenCV reads JPEG, PNG, BMP, WebP, TIFF and PNM."


@dataclass(frozen=True, eq=False)
class SourceFrame:
    """One image, or why there is none. name: the file's name, or the frame's number in a video.

    image_bgr: (H, W, 3) uint8, None with an error. stamp_ns: time in the video, of a camera the system's time, 0 for
    stills.
    """

    name: str | int
    stamp_ns: int
    image_bgr: ImageArray | None
    error: InputError | None = None


class Source(Protocol):
    """Frames in order. count: how many, None for a camera. stills: whether each frame stands for itself."""

    stills: bool
    count: int | None
    rate_hz: float

    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames, once."""


def open_source(text: str, *, calibrated: bool) -> Source:
    """The source that `--source` names: an image, a folder of images, a video, or a camera's number.

    calibrated: the camera is known from a calibration, so that pixels must stay as the sensor gave them and a
    photo's EXIF rotation is not applied. Raises InputError when there is nothing to read.
    """
    path = Path(text)
    if path.is_dir():
        return Stills.of_folder(path, calibrated)
    if path.is_file():
        return Stills((path,), calibrated) if path.suffix.lower() in IMAGE_SUFFIXES else Video(path)
    if text.isdecimal():
        return LiveCamera(int(text))
    raise InputError(
        f"source {text}",
        expected="an image, a folder of images, a video, or a camera's number",
        got="no such file or folder",
        fix="Check the path.",
    )


class Stills:
    """Images that have nothing to do with each other."""

    stills = True
    rate_hz = 1.0

    def __init__(self, paths: tuple[Path, ...], calibrated: bool) -> None:
        self.count: int | None = len(paths)
        self._paths = paths
        # IMREAD_COLOR gives 8-bit BGR whatever the file holds.
        self._flags = cv2.IMREAD_COLOR | (cv2.IMREAD_IGNORE_ORIENTATION if calibrated else 0)

    @classmethod
    def of_folder(cls, folder: Path, calibrated: bool) -> Stills:
        """The folder's images by name. Raises InputError for a folder without any."""
        paths = tuple(sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()))
        if not paths:
            raise InputError(
                f"source {folder}",
                expected="a folder with images (" + ", ".join(sorted(IMAGE_SUFFIXES)) + ")",
                got="none in it",
                fix="Name the folder that holds the images themselves.",
            )
        return cls(paths, calibrated)

    def __iter__(self) -> Iterator[SourceFrame]:
        for path in self._paths:
            try:
                image = cv2.imread(str(path), self._flags)
            except cv2.error:  # a header that promises an impossible size
                image = None
            if image is None or not image.size:
                error = InputError(
                    f"image {path}", expected="an image that OpenCV can decode", got="one it can't", fix=_FIX_IMAGE
                )
                yield SourceFrame(path.name, 0, None, error)
            else:
                yield SourceFrame(path.name, 0, np.asarray(image, dtype=np.uint8))


class Video:
    """A video file."""

    stills = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise self._unreadable("a file it can't open")
        rate_hz = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.rate_hz = rate_hz if np.isfinite(rate_hz) and rate_hz > 0 else _DEFAULT_RATE_HZ
        frames = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.count: int | None = frames if frames > 0 else None

    def __iter__(self) -> Iterator[SourceFrame]:
        number = 0
        while True:
            there, image = self._capture.read()
            if not there:
                break
            yield SourceFrame(number, round(number * 1e9 / self.rate_hz), np.asarray(image, dtype=np.uint8))
            number += 1
        self._capture.release()
        if number == 0:
            raise self._unreadable("no frame in it")

    def _unreadable(self, got: str) -> InputError:
        return InputError(
            f"source {self._path}",
            expected="an image or a video that OpenCV can decode",
            got=got,
            fix="Convert it, for example with `ffmpeg -i IN out.mp4`.",
        )


class LiveCamera:
    """A camera of this machine, until it ends or the user does."""

    stills = False
    count: int | None = None

    def __init__(self, number: int) -> None:
        self._number = number
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            raise InputError(
                f"camera {number}",
                expected="a camera that OpenCV can open",
                got="none",
                fix="See `pose3d doctor` for the cameras of this machine, and whether you may use them.",
            )
        rate_hz = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.rate_hz = rate_hz if np.isfinite(rate_hz) and rate_hz > 0 else _DEFAULT_RATE_HZ

    def __iter__(self) -> Iterator[SourceFrame]:
        number = 0
        while True:
            there, image = self._capture.read()
            if not there:
                break
            yield SourceFrame(number, time.time_ns(), np.asarray(image, dtype=np.uint8))
            number += 1
        self._capture.release()
