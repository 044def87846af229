"""What `--source` names, images of files and folders, the camera that took them, and boxes from a file."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pose3d_ros.bags.image_decoding import MAX_IMAGE_PIXELS, image_file
from pose3d_ros.bags.image_header import is_image
from pose3d_ros.cli.video_source import SCHEMES, Source, SourceFrame, Video
from pose3d_ros.errors import CameraError, InputError, shown
from pose3d_ros.geometry.calibration_file import read_calibration
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.reading.documents import fields_of, read_json
from pose3d_ros.reading.files import Origin, in_words, is_file, is_folder, is_there
from pose3d_ros.reading.numbers import is_number
from pose3d_ros.records import Detection

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
# Read, or refused by name, but not passed over.
_PHONE_SUFFIXES = frozenset({".heic", ".heif", ".hif", ".avif"})
_RAW_SUFFIXES = frozenset({".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2"})
_MOST_DIGITS = 5
# Sizes that a sensor's modes round differently (1920x1088) still have one aspect.
_ASPECT_TOLERANCE = 0.01
_FARTHEST_PX = 1e6
_BOX_FIX = "Write {\"FRAME\": [[x, y, w, h], …], …}: FRAME is the image's file name or the frame's number in a video."


def open_camera(path: str | None, hfov_deg: float | None, *, stills: bool = False) -> Camera | float | None:
    """The camera of `--camera`, the field of view of `--hfov`, degrees, or None: what the EXIF of photos says.

    stills: whether the source is photos. Raises CameraError for unusable ones.
    """
    if path is not None:
        return Camera.from_yaml(path)
    if hfov_deg is None:
        if stills:
            return None
        raise _no_camera("neither, and only photos have EXIF")
    Camera.from_hfov(hfov_deg, 2, 2)  # raises for an impossible angle before any image is read
    return hfov_deg


def _no_camera(got: str) -> CameraError:
    return CameraError(
        "camera",
        expected="a calibration (--camera), a field of view (--hfov), or photos whose EXIF has the focal length",
        got=got,
        fix="Calibrate the camera, or give the horizontal field of view that its data sheet says.",
    )


def remarks_on(path: str | None) -> tuple[str, ...]:
    """What there is to say of the file of `--camera` beside its camera."""
    names = () if path is None else read_calibration(path).choices
    if not names:
        return ()
    return (f"{path} has several cameras, {', '.join(names)}: {names[0]} is used; choose one with {path}#{names[1]}",)


def camera_of_frame(camera: Camera | float | None, item: SourceFrame, width_px: int, height_px: int) -> Camera:
    """The camera of a frame of that size, by its EXIF where none is given. Raises CameraError as `camera_of_size`."""
    if camera is not None:
        return camera_of_size(camera, width_px, height_px, turned=item.turned)
    if item.focal_px is None:
        raise _no_camera("neither, and no focal length in the EXIF of this image, or it was cropped")
    return Camera.from_hfov(math.degrees(2 * math.atan(width_px / 2 / item.focal_px)), width_px, height_px)


def camera_of_size(camera: Camera | float, width_px: int, height_px: int, *, turned: bool = False) -> Camera:
    """The camera of images of that size; a calibration of the same aspect is scaled.

    camera: see `open_camera`. turned: whether the image was, by its EXIF. Raises CameraError for images of another
    aspect than the calibration's.
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
            got=f"{width_px}x{height_px}" + (" after the turn that its EXIF asks for" if turned else ""),
            fix=f"Calibrate {'images held like this one' if turned else 'this resolution'}, or use --hfov.",
        )
    return camera.resize(width_px, height_px)


def open_source(text: str, max_pixels: int = MAX_IMAGE_PIXELS) -> Source:
    """The source that `--source` names: an image, a folder of images, a video, a camera, or the URL of a stream.

    What a file is, its content says. Images are turned upright as their EXIF says. Raises InputError when there is
    nothing to read, and for images of more pixels than max_pixels.
    """
    path = Path(text)
    scheme, colon, _ = text.partition("://")
    if is_folder(path):
        return _folder(path, max_pixels)
    if is_file(path):
        return Stills((path,), max_pixels) if _is_image(path) else Video(path, max_pixels)
    if text.isdecimal() and len(text) < _MOST_DIGITS:
        return Video(int(text), max_pixels)
    if colon and scheme.lower() in SCHEMES:
        return Video(text, max_pixels)
    if text.startswith("/") and path.is_char_device():
        return Video(os.path.realpath(text), max_pixels)
    raise _no_source(text, path)


def _is_image(path: Path) -> bool:
    """Whether a file is an image, or should be one by its name. Raises InputError for other files that are no video."""
    suffix = path.suffix.lower()
    if suffix in _RAW_SUFFIXES:
        fix = "Develop it to JPEG with the camera's program, darktable or RawTherapee."
        raise InputError(f"source {path}", expected="an image or a video", got="a camera's raw file", fix=fix)
    with path.open("rb") as file:
        return is_image(file.read(16)) or suffix in IMAGE_SUFFIXES | _PHONE_SUFFIXES


def _no_source(text: str, path: Path) -> InputError:
    got, fix = "no such file or folder", "Check the path."
    if re.search(r"%0?\d*d|[*?]", text):
        got = "a pattern of names"
        fix = "Name the folder of the images; or make a video of them: `ffmpeg -framerate 30 -i img_%04d.png out.mp4`."
    elif "://" in text:
        got = f"a URL of {text.partition('://')[0]}"
        fix = f"Streams are of {', '.join(SCHEMES)}; name a file by its path."
    elif text.startswith("/dev/") and not is_there(path):
        got = "no such device"
        fix = "See `pose3d doctor` for the cameras of this machine."
    elif is_there(path):
        got = "a pipe, a socket or a device"
        fix = "Write the video to a file first, or name a camera such as /dev/video0."
    return InputError(
        f"source {text}",
        expected="an image, a folder of images, a video, a camera's number or device, or a stream's URL",
        got=got,
        fix=fix,
    )


def has_images(path: Path) -> bool:
    """Whether a folder holds images itself."""
    try:
        return is_folder(path) and any(p.suffix.lower() in IMAGE_SUFFIXES | _PHONE_SUFFIXES for p in path.iterdir())
    except OSError:  # a folder that can't be read
        return False


def _folder(folder: Path, max_pixels: int) -> Stills:
    try:
        present = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"source {folder}", expected="a folder", got=in_words(error), fix="Check it.") from error
    images = tuple(p for p in present if p.suffix.lower() in IMAGE_SUFFIXES | _PHONE_SUFFIXES and is_file(p))
    if not images:
        raise InputError(
            f"source {folder}",
            expected="a recording, a dataset, or images (" + ", ".join(sorted(IMAGE_SUFFIXES)) + ")",
            got="none in it",
            fix="Name the folder that holds the images, or the recording's files, themselves.",
        )
    return Stills(images, max_pixels, tuple(path.name for path in present if path not in images))


class Stills:
    """Images that are independent of each other. skipped: what else is in their folder."""

    stills = True
    brings_cameras = False
    rate_hz = 1.0
    remarks: tuple[str, ...] = ()

    def __init__(self, paths: tuple[Path, ...], max_pixels: int, skipped: tuple[str, ...] = ()) -> None:
        self.count: int | None = len(paths)
        self.skipped = skipped
        self._paths, self._max_pixels = paths, max_pixels

    def __iter__(self) -> Iterator[SourceFrame]:
        for path in self._paths:
            try:
                image, header = image_file(path, self._max_pixels)
            except InputError as error:
                yield SourceFrame(path.name, 0, None, error)
            else:
                yield SourceFrame(path.name, 0, image, turned=header.orientation > 1, focal_px=header.focal_px)


class BoxFile:
    """The boxes of a file by frame: left and top edge, width and height, in pixels.

    Raises InputError when it can't be read or is not of that form.
    """

    def __init__(self, path: Path) -> None:
        self._origin = Origin(InputError, f"boxes {path}", _BOX_FIX)
        content = fields_of(read_json(path, self._origin), self._origin)
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
            raise self._origin.error("a list of boxes", type(rows).__name__, f", frame {shown(name)}")
        boxes = []
        for row in rows:
            box = row if isinstance(row, list) and len(row) == 4 and all(map(is_number, row)) else None
            if box is None or not (box[2] > 0 and box[3] > 0) or max(map(abs, box)) > _FARTHEST_PX:
                expected = f"four numbers x, y, w, h up to {_FARTHEST_PX:g} with w and h above 0"
                raise self._origin.error(expected, shown(row), f", frame {shown(name)}")
            x, y, width, height = box
            boxes.append(Detection(np.array([x, y, x + width, y + height], dtype=np.float64), 1.0))
        return tuple(boxes)
