"""Files of the people that commands find: lines of JSON, or a bag."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np

from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.people_lines import SUFFIXES, error_line, frame_line
from pose3d_ros.errors import ConfigError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.output_files import output_error
from pose3d_ros.records import Frame, Person
from pose3d_ros.skeletons import Skeleton

PEOPLE, SMOOTHED, CAMERA_INFO = "/people", "/people_smoothed", "/camera_info"


@dataclass(frozen=True, eq=False)
class FoundFrame:
    """A frame and who was found in it. name: of the image's file, or the frame's number.

    smoothed: the same people after the smoother, where they are told apart. calibrated: whether the camera is from a
    calibration. model: the names of the models.
    """

    name: str | int
    frame: Frame
    skeleton: Skeleton
    people: Sequence[Person]
    smoothed: Sequence[Person] | None = None
    calibrated: bool = False
    model: str = ""


class PeopleFile(Protocol):
    """A context manager that people are written to. Raises OutputError for what can't be written."""

    def __enter__(self) -> PeopleFile: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, found: FoundFrame) -> None:
        """Write a frame."""

    def write_error(self, name: str | int, stamp_ns: int, error: Exception) -> None:
        """Write that a frame could not be processed."""


def open_people_file(path: Path, *, stills: bool) -> PeopleFile:
    """The file of a name that ends with .jsonl, or .mcap. Raises ConfigError for another name.

    stills: whether frames have no stamps, by which those of a bag are known.
    """
    if path.suffix in SUFFIXES:
        return LinesFile(path)
    expected = "a file that ends with .jsonl" + ("" if stills else " or .mcap")
    if path.suffix != ".mcap" or stills:
        fix = "Photographs have no stamps, which a bag needs." if path.suffix == ".mcap" else "Name such a file."
        raise ConfigError("--output", expected=expected, got=str(path), fix=fix)
    return BagFile(path)


class LinesFile:
    """People as lines of JSON (docs/start.md): whole lines at any time, also on a full disk."""

    def __init__(self, path: Path) -> None:
        self._path, self._count, self._size = path, 0, 0

    def __enter__(self) -> LinesFile:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb", buffering=0)
        except OSError as error:
            raise output_error(self._path, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._file:
                os.fsync(self._file.fileno())
        except OSError as failure:
            raise output_error(self._path, failure, "Its end may be missing.") from failure

    def write(self, found: FoundFrame) -> None:
        """Write a frame's line."""
        line = frame_line(
            found.name,
            found.frame,
            found.skeleton,
            found.people,
            calibrated=found.calibrated,
            smoothed=found.smoothed,
            model=found.model,
        )
        self._write(line)

    def write_error(self, name: str | int, stamp_ns: int, error: Exception) -> None:
        """Write the line of a frame that could not be processed."""
        self._write(error_line(name, stamp_ns, error))

    def _write(self, line: str) -> None:
        data = memoryview(line.encode() + b"\n")
        try:
            while data:
                data = data[self._file.write(data) or 0 :]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file.fileno(), self._size)
            raise output_error(self._path, error, f"It ends after {self._count} frames.") from error
        self._count += 1
        self._size = self._file.tell()


class BagFile:
    """People as the nodes publish them, on people and people_smoothed, with camera_info where the camera changes.

    There is no message for a frame that could not be processed.
    """

    def __init__(self, path: Path) -> None:
        self._writer = BagWriter(path)
        self._camera: Camera | None = None

    def __enter__(self) -> BagFile:
        self._writer.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)

    def write(self, found: FoundFrame) -> None:
        """Write a frame's messages, recorded at its stamp."""
        frame = found.frame
        if self._camera is None or not _is_same(self._camera, frame.camera):
            self._camera = frame.camera
            self._writer.write_camera(CAMERA_INFO, frame.stamp_ns, frame.frame_id, frame.camera)
        for topic, people in ((PEOPLE, found.people), (SMOOTHED, found.smoothed)):
            if people is not None:
                stamp = frame.stamp_ns, frame.frame_id
                self._writer.write_people(topic, *stamp, people, found.skeleton, model=found.model)

    def write_error(self, name: str | int, stamp_ns: int, error: Exception) -> None:
        """Leave the frame out."""


def _is_same(first: Camera, second: Camera) -> bool:
    size = (first.width_px, first.height_px) == (second.width_px, second.height_px)
    return size and np.array_equal(first.K_px, second.K_px) and np.array_equal(first.distortion, second.distortion)
