"""What `pose3d run` draws: a picture a still, or one video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from pose3d_ros.cli.sources import Source
from pose3d_ros.errors import InputError
from pose3d_ros.records import Frame, Person
from pose3d_ros.types import ImageArray

if TYPE_CHECKING:
    from pose3d_ros.evaluation.report.composite import Composer


class OverlayWriter:
    """Writes `overlay/NAME.jpg` of stills, `overlay.mp4` of a video; a context manager."""

    def __init__(self, output: Path, source: Source) -> None:
        from pose3d_ros.drawing.video_writer import VideoWriter

        self._folder = output / "overlay"
        self._stills = source.stills
        self._video = None if source.stills else VideoWriter(output / "overlay.mp4", source.rate_hz)
        self._composer: Composer | None = None
        self._written: set[str] = set()

    def __enter__(self) -> OverlayWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._video is not None:
            self._video.close()

    def write(self, name: str | int, frame: Frame, people: tuple[Person, ...]) -> None:
        """Draw a frame."""
        from pose3d_ros.evaluation.report.composite import Composer

        if self._stills or self._composer is None:
            self._composer = Composer(frame.camera, np.empty((0, 3)))
        picture = self._composer.draw(frame.image_bgr, people)
        if self._video is not None:
            self._video.write(picture)
        else:
            self._write_still(str(name), picture)

    def _write_still(self, name: str, picture: ImageArray) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        stem = Path(name).stem
        file = self._folder / f"{name if stem in self._written else stem}.jpg"  # a.jpg and a.png are two
        self._written.add(stem)
        if not cv2.imwrite(str(file), picture):
            raise InputError(f"overlay {file}", expected="a folder to write to", got="an error", fix="Check the disk.")
