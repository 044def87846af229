"""Where images come from (a file, a folder, a video, a camera), the camera that took them, and boxes from a file."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from pose3d_ros.errors import CameraError, InputError
from pose3d_ros.geometry.calibration_file import read_calibration
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Detection
from pose3d_ros.types import ImageArray

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
_DEFAULT_RATE_HZ = 30.0
# Sizes that a sensor's modes round differently (1920x1088) still have one aspect.
_ASPECT_TOLERANCE = 0.01


def open_camera(path: str | None, hfov_deg: float | None) -> Camera | float:
    """The camera of `--camera`, or the field of view of `--hfov`, degrees. Raises CameraError for unusable ones."""
    if path is not None:
        return Camera.from_yaml(path)
    Camera.from_hfov(hfov_deg or 0.0, 2, 2)  # raises for an impossible angle before any image is read
    return hfov_deg or 0.0


def remarks_on(path: str | None) -> tuple[str, ...]:
    """What there is to say of the file of `--camera` beside its camera."""
    names = () if path is None else read_calibration(path).choices
    if not names:
        return ()
    return (f"{path} has several cameras, {', '.join(names)}: {names[0]} is used; choose one with {path}#{names[1]}",)


def camera_of_size(camera: Camera | float, width_px: int, height_px: int) -> Camera:
    """The camera of images of that size; a calibration of the same aspect is scaled.

    camera: see `open_camera`. Raises CameraError for images of another aspect than the calibration's.
    """
    if not isinstance(camera, Camera):
        return Camera.from_hfov(camera, width_px, height_px)
    if (camera.width_px, camera.height_px) == (width_px, height_px):
        return camera
    stretch = (width_px / camera.width_px) / (height_px / camera.height_px)
    if abs(stretch - 1.0) > _ASPECT_TOLERANCE:
        raise CameraError(
            "camera",
            expected=f"images of {camera.width_px}x{camera.height_px} or the same aspect",
            got=f"{width_px}x{height_px}",
            fix="Calibrate this resolution, or use --hfov.",
        )
    return camera.resize(width_px, height_px)


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
        return Stills(_images_in(path), calibrated)
    if path.is_file():
        return Stills((path,), calibrated) if path.suffix.lower() in IMAGE_SUFFIXES else Video(path)
    if text.isdecimal():
        return Video(int(text))
    raise InputError(
        f"source {text}",
        expected="an image, a folder of images, a video, or a camera's number",
        got="no such file or folder",
        fix="Check the path.",
    )


def _images_in(folder: Path) -> tuple[Path, ...]:
    paths = tuple(sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()))
    if not paths:
        raise InputError(
            f"source {folder}",
            expected="a folder with images (" + ", ".join(sorted(IMAGE_SUFFIXES)) + ")",
            got="none in it",
            fix="Name the folder that holds the images themselves.",
        )
    return paths


class Stills:
    """Images that are independent of each other."""

    stills = True
    rate_hz = 1.0

    def __init__(self, paths: tuple[Path, ...], calibrated: bool) -> None:
        self.count: int | None = len(paths)
        self._paths = paths
        # IMREAD_COLOR gives 8-bit BGR whatever the file holds.
        self._flags = cv2.IMREAD_COLOR | (cv2.IMREAD_IGNORE_ORIENTATION if calibrated else 0)

    def __iter__(self) -> Iterator[SourceFrame]:
        for path in self._paths:
            try:
                image = cv2.imread(str(path), self._flags)
            except cv2.error:  # a header that promises an impossible size
                image = None
            if image is not None and image.size:
                yield SourceFrame(path.name, 0, np.asarray(image, dtype=np.uint8))
                continue
            error = InputError(
                f"image {path}",
                expected="an image that OpenCV can decode",
                got="one it can't",
                fix="Look at it in another program; OpenCV reads JPEG, PNG, BMP, WebP, TIFF and PNM.",
            )
            yield SourceFrame(path.name, 0, None, error)


class Video:
    """A video file; or a camera of this machine, given by its number, until it ends or the user does.

    Raises InputError for what OpenCV can't open.
    """

    stills = False

    def __init__(self, source: Path | int) -> None:
        self._source = source
        self._is_live = isinstance(source, int)
        self._capture = cv2.VideoCapture(source) if isinstance(source, int) else cv2.VideoCapture(str(source))
        if not self._capture.isOpened():
            raise self._unreadable("nothing it can open")
        rate_hz = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.rate_hz = rate_hz if np.isfinite(rate_hz) and rate_hz > 0 else _DEFAULT_RATE_HZ
        frames = 0 if self._is_live else int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.count: int | None = frames if frames > 0 else None

    def __iter__(self) -> Iterator[SourceFrame]:
        number = 0
        while True:
            there, image = self._capture.read()
            if not there:
                break
            stamp_ns = time.time_ns() if self._is_live else round(number * 1e9 / self.rate_hz)
            yield SourceFrame(number, stamp_ns, np.asarray(image, dtype=np.uint8))
            number += 1
        self._capture.release()
        if number == 0 and not self._is_live:
            raise self._unreadable("no frame in it")

    def _unreadable(self, got: str) -> InputError:
        if self._is_live:
            fix = "See `pose3d doctor` for the cameras of this machine, and whether you may use them."
            return InputError(f"camera {self._source}", expected="a camera that OpenCV can open", got=got, fix=fix)
        return InputError(
            f"source {self._source}",
            expected="an image or a video that OpenCV can decode",
            got=got,
            fix="Convert it, for example with `ffmpeg -i IN out.mp4`.",
        )


class BoxFile:
    """The boxes of a file by frame: left and top edge, width and height, in pixels.

    Raises InputError when it can't be read or is not of that form.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise self._malformed("", "a JSON file", str(error)) from error
        if not isinstance(content, dict):
            raise self._malformed("", "an object", type(content).__name__)
        self._boxes = {name: self._detections(name, rows) for name, rows in content.items()}
        self._used: set[str] = set()

    def of_frame(self, name: str | int, number: int) -> tuple[Detection, ...]:
        """A frame's boxes, by its name, its name without suffix, or its number; none for one not in the file."""
        for key in (str(name), Path(str(name)).stem, str(number)):
            if key in self._boxes:
                self._used.add(key)
                return self._boxes[key]
        return ()

    @property
    def unused(self) -> tuple[str, ...]:
        """The frames of the file that were not in the source: perhaps misspelt."""
        return tuple(name for name in self._boxes if name not in self._used)

    def _detections(self, name: str, rows: object) -> tuple[Detection, ...]:
        if not isinstance(rows, list):
            raise self._malformed(f", frame {name}", "a list of boxes", type(rows).__name__)
        boxes = []
        for row in rows:
            box = row if isinstance(row, list) and all(type(v) in (int, float) for v in row) else []
            if len(box) != 4 or not all(map(math.isfinite, box)) or not (box[2] > 0 and box[3] > 0):
                expected = "four finite numbers x, y, w, h with w and h above 0"
                raise self._malformed(f", frame {name}", expected, repr(row))
            x, y, width, height = box
            boxes.append(Detection(np.array([x, y, x + width, y + height], dtype=np.float64), 1.0))
        return tuple(boxes)

    def _malformed(self, where: str, expected: str, got: str) -> InputError:
        fix = (
            "Write {\"FRAME\": [[x, y, w, h], …], …}: FRAME is the image's file name or the frame's number in a video."
        )
        return InputError(f"boxes {self._path}{where}", expected=expected, got=got, fix=fix)
