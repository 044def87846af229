"""What `pose3d run` writes: people.jsonl (see docs/start.md), and the overlay as images or as one video."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from pose3d_ros.cli.video_source import Source
from pose3d_ros.drawing.composite import Composer
from pose3d_ros.drawing.video_writer import VideoWriter
from pose3d_ros.errors import InputError
from pose3d_ros.output_files import output_error, write_file
from pose3d_ros.records import Frame, Person, TrackState, root_solvers_of
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array, ImageArray

_WAITING_FRAMES = 4


def frame_line(name: str | int, frame: Frame, skeleton: Skeleton, people: Sequence[Person], *, calibrated: bool) -> str:
    """A frame as one line of JSON: metres in the camera's optical frame, pixels of the image.

    calibrated: whether the camera is from a calibration. A lost joint is left out of `joints`; a joint without image
    coordinates has no `uv`. LOST people are left out.
    """
    line = {
        "frame": _utf8(name),
        "stamp_ns": frame.stamp_ns,
        "width": frame.camera.width_px,
        "height": frame.camera.height_px,
        "camera": {name: round(float(getattr(frame.camera, f"{name}_px")), 4) for name in ("fx", "fy", "cx", "cy")},
        "calibrated": calibrated,
        "skeleton": skeleton.name,
        "people": [_person(person) for person in people if person.state != TrackState.LOST],
    }
    return json.dumps(line, separators=(",", ":"), allow_nan=False)


def _utf8(name: str | int) -> str | int:
    """A file's name as JSON can hold it: escapes in place of bytes that are not UTF-8."""
    return os.fsencode(name).decode(errors="backslashreplace") if isinstance(name, str) else name


def _person(person: Person) -> dict[str, object]:
    pose = person.pose
    x0, y0, x1, y1 = (float(v) for v in pose.detection.box_xyxy_px)
    joints = zip(pose.skeleton.joints, pose.joints_cam_m, pose.joints_img_px, pose.scores, strict=True)
    return {
        "id": person.track_id,
        "state": person.state.name,
        "score": round(float(person.score), 4),
        "box": [round(v, 2) for v in (x0, y0, x1 - x0, y1 - y0)],
        "root": _rounded(pose.root_cam_m, 4),
        **({"root_sigma": round(pose.root_sigma_m, 4)} if np.isfinite(pose.root_sigma_m) else {}),
        **({"root_solvers": list(solvers)} if (solvers := root_solvers_of(person)) else {}),
        "joints": {name: _joint(xyz, uv, float(score)) for name, xyz, uv, score in joints if np.isfinite(xyz).all()},
    }


def _joint(xyz_cam_m: Array, uv_px: Array, score: float) -> dict[str, object]:
    image = {"uv": _rounded(uv_px, 2)} if np.isfinite(uv_px).all() else {}
    return {"xyz": _rounded(xyz_cam_m, 4), **image, "score": round(score, 4)}


def _rounded(values: Array, digits: int) -> list[float]:
    return [round(float(v), digits) for v in values]


class RunOutput:
    """A context manager that writes people.jsonl and, if asked for, `overlay/NAME.jpg` of stills or `overlay.mp4`.

    Overlays are drawn and encoded in a thread of their own, in order, since OpenCV, the engines and the encoder's pipe
    all let other threads run. A few may wait; then the caller does. What waits on leaving is written.
    """

    def __init__(self, folder: Path, source: Source, *, overlay: bool) -> None:
        self._folder = folder
        self._overlay = _Overlay(folder, source) if overlay else None
        self._thread = ThreadPoolExecutor(1, "overlay")
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> RunOutput:
        self._lines = _Lines(self._folder / "people.jsonl")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        with ExitStack() as closing:
            closing.callback(self._lines.close)
            if self._overlay is not None:
                closing.callback(self._overlay.close)
            for written in self._waiting if error is None else ():
                written.result()

    def write(
        self, name: str | int, frame: Frame, skeleton: Skeleton, people: Sequence[Person], *, calibrated: bool
    ) -> None:
        """Write a frame's line and have it drawn; its image must not change any more.

        Raises OutputError when the line, this or an earlier overlay can't be written.
        """
        self._lines.write(frame_line(name, frame, skeleton, people, calibrated=calibrated))
        if self._overlay is None:
            return
        self._waiting.append(self._thread.submit(self._overlay.write, str(name), frame, people))
        if len(self._waiting) > _WAITING_FRAMES:
            self._waiting.popleft().result()

    def write_error(self, name: str | int, error: Exception) -> None:
        """Write the line of a frame that could not be processed: {"frame", "error"}."""
        line = {"frame": _utf8(name), "error": str(error)}
        self._lines.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")))


class _Lines:
    """A text file that holds whole lines at any time, also on a full disk. Raises OutputError."""

    def __init__(self, path: Path) -> None:
        self._path, self._count, self._size = path, 0, 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise output_error(path, error) from error

    def write(self, line: str) -> None:
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

    def close(self) -> None:
        try:
            with self._file:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise output_error(self._path, error, "Its end may be missing.") from error


class _Overlay:
    """Draws frames and writes them: images of stills, one video of other sources."""

    def __init__(self, folder: Path, source: Source) -> None:
        self._folder = folder / "overlay"
        self._video = None if source.stills else VideoWriter(folder / "overlay.mp4", source.rate_hz)
        self._composer: Composer | None = None
        self._written: set[str] = set()

    def write(self, name: str, frame: Frame, people: Sequence[Person]) -> None:
        if self._video is None or self._composer is None:
            self._composer = Composer(frame.camera, np.empty((0, 3)))
        image = self._composer.draw(frame.image_bgr, people)
        if self._video is not None:
            self._video.write(image, frame.stamp_ns * 1e-9)
        else:
            self._write_still(name, image)

    def close(self) -> None:
        if self._video is not None:
            self._video.close()

    def _write_still(self, name: str, image_bgr: ImageArray) -> None:
        stem = Path(name).stem
        file = self._folder / f"{name if stem in self._written else stem}.jpg"  # a.jpg and a.png are two
        self._written.add(stem)
        done, data = cv2.imencode(".jpg", image_bgr)
        if not done:
            size = f"{image_bgr.shape[1]}x{image_bgr.shape[0]}"
            raise InputError(f"overlay {file}", expected="a size that JPEG has", got=size, fix="Use --no-overlay.")
        write_file(file, data.tobytes())
