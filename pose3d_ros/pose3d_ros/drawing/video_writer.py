"""Writing video that browsers play: H.264 in MP4."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO

import cv2
import numpy as np

from pose3d_ros.errors import InputError
from pose3d_ros.types import ImageArray

# Visually clean line art at about 1 Mbit/s; see https://trac.ffmpeg.org/wiki/Encode/H.264 for the scale.
_CRF = "23"


def find_ffmpeg() -> str | None:
    """The ffmpeg program: the system's, else the one in the imageio-ffmpeg package, else None."""
    system = shutil.which("ffmpeg")
    if system:
        return system
    try:
        return str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):  # not installed, or without a binary for this platform
        return None


class VideoWriter:
    """A context manager that writes frames of one size to an .mp4 file.

    H.264 through ffmpeg; VP9 through OpenCV where there is no ffmpeg (browsers play it, some players do not).
    An odd width or height loses its last column or row, since both codecs store color at half resolution.
    """

    def __init__(self, path: Path, rate_hz: float) -> None:
        self._path = path
        self._rate_hz = rate_hz
        self._size_px: tuple[int, int] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stdin: IO[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the writer
        self._opencv: cv2.VideoWriter | None = None

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, image_bgr: ImageArray) -> None:
        """Add a frame (H, W, 3) uint8. Raises InputError when its size differs from the first frame's."""
        width, height = image_bgr.shape[1] & ~1, image_bgr.shape[0] & ~1
        if self._size_px is None:
            self._open(width, height)
        if self._size_px != (width, height):
            raise InputError(
                "video frame",
                expected=f"{self._size_px} px like the first",
                got=f"{(width, height)}",
                fix="Write images of different sizes to different files.",
            )
        frame = np.ascontiguousarray(image_bgr[:height, :width])
        if self._opencv is not None:
            self._opencv.write(frame)
            return
        self._feed(frame)

    def close(self) -> None:
        """Finish the file. Raises InputError when the encoder failed."""
        if self._opencv is not None:
            self._opencv.release()
        if self._process is None or self._stdin is None:
            return
        process, self._process = self._process, None
        self._stdin.close()
        if process.wait() != 0:
            raise self._failure()

    def _open(self, width: int, height: int) -> None:
        self._size_px = (width, height)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        ffmpeg = find_ffmpeg()
        if ffmpeg is None:
            fourcc = cv2.VideoWriter.fourcc(*"vp09")
            self._opencv = cv2.VideoWriter(str(self._path), fourcc, self._rate_hz, (width, height))
            return
        source = f"-f rawvideo -pix_fmt bgr24 -s {width}x{height} -r {self._rate_hz:g} -i -".split()
        coding = f"-c:v libx264 -preset fast -crf {_CRF} -pix_fmt yuv420p -movflags +faststart".split()
        command = [ffmpeg, "-y", "-loglevel", "error", *source, *coding, str(self._path)]
        # A session of its own: a terminal's Ctrl-C would end it before the last frames are written.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._log, start_new_session=True
        )
        self._stdin = self._process.stdin

    def _feed(self, frame: ImageArray) -> None:
        if self._stdin is None:
            raise self._failure()
        try:
            self._stdin.write(frame.tobytes())
        except BrokenPipeError:
            raise self._failure() from None

    def _failure(self) -> InputError:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return InputError(
            f"video {self._path}",
            expected="ffmpeg to encode it",
            got=lines[-1] if lines else "nothing from it",
            fix="Check that the folder can be written and that this ffmpeg has libx264.",
        )
