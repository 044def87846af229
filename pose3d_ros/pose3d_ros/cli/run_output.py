"""What `pose3d run` writes: people.jsonl, and the overlay as images or as one video."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from pose3d_ros.cli.people_files import FoundFrame, LinesFile
from pose3d_ros.cli.video_source import Source
from pose3d_ros.drawing.composite import Composer
from pose3d_ros.drawing.video_writer import VideoWriter
from pose3d_ros.errors import InputError
from pose3d_ros.output_files import write_file
from pose3d_ros.records import Frame, Person
from pose3d_ros.types import ImageArray

_WAITING_FRAMES = 4
_LONGEST_BREAK_S = 60.0


class RunOutput:
    """A context manager that writes people.jsonl and, if asked for, `overlay/NAME.jpg` of stills or `overlay.mp4`.

    Overlays are drawn and encoded in a thread of their own, in order, since OpenCV, the engines and the encoder's pipe
    all let other threads run. A few may wait; then the caller does. What waits on leaving is written.
    """

    def __init__(self, folder: Path, source: Source, *, overlay: bool) -> None:
        self._lines = LinesFile(folder / "people.jsonl")
        self._overlay = _Overlay(folder, source) if overlay else None
        self._thread = ThreadPoolExecutor(1, "overlay")
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> RunOutput:
        self._lines.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        with ExitStack() as closing:
            closing.callback(self._lines.__exit__, kind, error, trace)
            if self._overlay is not None:
                closing.callback(self._overlay.close)
            for written in self._waiting if error is None else ():
                written.result()

    def write(self, found: FoundFrame) -> None:
        """Write a frame's line and have it drawn; its image must not change any more.

        Raises OutputError when the line, this or an earlier overlay can't be written.
        """
        self._lines.write(found)
        if self._overlay is None:
            return
        self._waiting.append(self._thread.submit(self._overlay.write, str(found.name), found.frame, found.people))
        if len(self._waiting) > _WAITING_FRAMES:
            self._waiting.popleft().result()

    def write_error(self, name: str | int, stamp_ns: int, error: Exception) -> None:
        """Write the line of a frame that could not be processed."""
        self._lines.write_error(name, stamp_ns, error)


class _Overlay:
    """Draws frames and writes them: images of stills, one video of other sources."""

    def __init__(self, folder: Path, source: Source) -> None:
        self._folder = folder / "overlay"
        self._video = None if source.stills else VideoWriter(folder / "overlay.mp4", source.rate_hz)
        self._rate_hz, self._time_s = source.rate_hz, 0.0
        self._last_s: float | None = None
        self._composer: Composer | None = None
        self._written: set[str] = set()

    def write(self, name: str, frame: Frame, people: Sequence[Person]) -> None:
        if self._video is None or self._composer is None:
            self._composer = Composer(frame.camera, np.empty((0, 3)))
        image = self._composer.draw(frame.image_bgr, people)
        if self._video is not None:
            self._video.write(image, self._shown_s(frame.stamp_ns * 1e-9))
        else:
            self._write_still(name, image)

    def close(self) -> None:
        if self._video is not None:
            self._video.close()

    def _shown_s(self, stamp_s: float) -> float:
        """Time in the video: a clock that was set, and a break, take no longer than a frame."""
        step_s = 0.0 if self._last_s is None else stamp_s - self._last_s
        self._time_s += step_s if 0 <= step_s <= _LONGEST_BREAK_S else 1.0 / self._rate_hz
        self._last_s = stamp_s
        return self._time_s

    def _write_still(self, name: str, image_bgr: ImageArray) -> None:
        stem = Path(name).stem
        file = self._folder / f"{name if stem in self._written else stem}.jpg"  # a.jpg and a.png are two
        self._written.add(stem)
        done, data = cv2.imencode(".jpg", image_bgr)
        if not done:
            size = f"{image_bgr.shape[1]}x{image_bgr.shape[0]}"
            raise InputError(f"overlay {file}", expected="a size that JPEG has", got=size, fix="Use --no-overlay.")
        write_file(file, data.tobytes())
