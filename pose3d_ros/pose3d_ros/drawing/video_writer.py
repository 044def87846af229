"""Writing video that browsers play: H.264 in MP4."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import IO

import cv2
import numpy as np

from pose3d_ros.errors import InputError, OutputError
from pose3d_ros.output_files import PartialFile
from pose3d_ros.types import ImageArray

# Visually clean line art at about 1 Mbit/s; see https://trac.ffmpeg.org/wiki/Encode/H.264 for the scale.
_CRF = "23"
_NO_ROOM_FIX = "Make room there, or write to another disk, and run it again."
# What ffmpeg's log says → what it means, and what to do.
_CAUSES = (
    ("No space left", "a full disk", _NO_ROOM_FIX),
    ("quota exceeded", "a full quota of the disk", _NO_ROOM_FIX),
    ("File too large", "a limit of the file's size", _NO_ROOM_FIX),
    ("Read-only file system", "a file system that can't be written", "Choose another folder."),
    ("Permission denied", "no permission", "Choose another folder."),
    ("Unknown encoder", "an ffmpeg without libx264", "Install one that has it: apt install ffmpeg."),
)


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
    """A context manager that writes frames of one size to an .mp4 file, which is there once it is complete.

    H.264 through ffmpeg; VP9 through OpenCV where there is no ffmpeg (browsers play it, some players do not).
    An odd width or height loses its last column or row, since both codecs store color at half resolution.
    A frame that is given its time lasts until the next one's; those that come much faster than the rate are left out.
    """

    def __init__(self, path: Path, rate_hz: float) -> None:
        self._path = path
        self._rate_hz = rate_hz
        self._size_px: tuple[int, int] | None = None
        self._encoder: _Ffmpeg | _OpenCv | None = None
        self._written = 0
        self._first_s: float | None = None
        self._last: ImageArray | None = None

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with nullcontext() if kind is None else suppress(OutputError):  # the first error says more
            self.close()

    def write(self, image_bgr: ImageArray, time_s: float | None = None) -> None:
        """Add a frame (H, W, 3) uint8. time_s: when it is shown, later than the one before; None: the next in turn.

        Raises InputError when its size differs from the first frame's, OutputError when it can't be written.
        """
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
        due = self._written if time_s is None else self._frames_until(time_s)
        while self._last is not None and self._written < due:
            self._feed(self._last)
        self._last = np.ascontiguousarray(image_bgr[:height, :width])
        if self._written <= due + 1:
            self._feed(self._last)

    def close(self) -> None:
        """Finish the file. Raises OutputError, and leaves none, when it can't be written as a whole."""
        encoder, self._encoder = self._encoder, None
        if encoder is not None:
            encoder.close()

    def _frames_until(self, time_s: float) -> int:
        self._first_s = time_s if self._first_s is None else self._first_s
        return round((time_s - self._first_s) * self._rate_hz)

    def _feed(self, frame: ImageArray) -> None:
        if self._encoder is None:
            raise _failure(self._path, "closed before", "Write all frames before it is closed.")
        self._encoder.write(frame)
        self._written += 1

    def _open(self, width: int, height: int) -> None:
        self._size_px = (width, height)
        ffmpeg, make = find_ffmpeg(), PartialFile(self._path)
        if ffmpeg is None:
            self._encoder = _OpenCv(self._path, make, self._rate_hz, self._size_px)
        else:
            self._encoder = _Ffmpeg(ffmpeg, self._path, make, self._rate_hz, self._size_px)


class _Ffmpeg:
    """The ffmpeg program, which gets its frames through a pipe."""

    def __init__(self, program: str, path: Path, part: PartialFile, rate_hz: float, size_px: tuple[int, int]) -> None:
        self._path, self._part = path, part
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the encoder
        size = f"{size_px[0]}x{size_px[1]}"
        source = f"-f rawvideo -pix_fmt bgr24 -s {size} -r {rate_hz:g} -i -".split()
        coding = f"-c:v libx264 -preset fast -crf {_CRF} -pix_fmt yuv420p -movflags +faststart -f mp4".split()
        # `file:` and an absolute path: a colon or a dash in a name means nothing else to ffmpeg then.
        target = "file:" + os.path.abspath(part.path)
        # A session of its own: a terminal's Ctrl-C would end it before the last frames are written.
        self._process = subprocess.Popen(
            [program, "-y", "-loglevel", "error", *source, *coding, target],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._stdin: IO[bytes] = self._process.stdin

    def write(self, frame: ImageArray) -> None:
        try:
            self._stdin.write(frame.tobytes())
        except BrokenPipeError:
            self._process.wait()
            self._part.discard()
            raise self._failure()  # noqa: B904 - its cause is the log

    def close(self) -> None:
        with suppress(BrokenPipeError):  # it ended early, and says why
            self._stdin.close()
        # After an error in the last pass ffmpeg may exit with 0 all the same; its log is empty when all went well.
        if self._process.wait() != 0 or self._log.seek(0, os.SEEK_END):
            self._part.discard()
            raise self._failure()
        self._part.commit()

    def _failure(self) -> OutputError:
        self._log.seek(0)
        log = self._log.read().decode(errors="replace")
        for words, got, fix in _CAUSES:
            if words in log:
                return _failure(self._path, got, fix)
        code = self._process.returncode
        if code == -signal.SIGXFSZ:
            return _failure(self._path, "a limit of the file's size", _NO_ROOM_FIX)
        got = f"an ffmpeg that ended by signal {-code}" if code < 0 else f"an error of ffmpeg (exit code {code})"
        error = _failure(self._path, got, "Check the folder, and that this ffmpeg works; `--debug` shows its log.")
        error.__cause__ = RuntimeError(log)
        return error


class _OpenCv:
    """OpenCV's encoder, which reports no error: the file is read back."""

    def __init__(self, path: Path, part: PartialFile, rate_hz: float, size_px: tuple[int, int]) -> None:
        self._path, self._part, self._count = path, part, 0
        fix = "Install ffmpeg."
        try:
            os.fspath(part.path).encode()
        except UnicodeEncodeError:
            raise _failure(path, "a name that is not UTF-8, which only ffmpeg can write", fix) from None
        self._writer = cv2.VideoWriter(str(part.path), cv2.VideoWriter.fourcc(*"vp09"), rate_hz, size_px)
        if not self._writer.isOpened():
            raise _failure(path, "an error of OpenCV", f"Check the folder. {fix}")

    def write(self, frame: ImageArray) -> None:
        self._writer.write(frame)
        self._count += 1

    def close(self) -> None:
        self._writer.release()
        there = int(cv2.VideoCapture(str(self._part.path)).get(cv2.CAP_PROP_FRAME_COUNT))
        if there < self._count:
            self._part.discard()
            raise _failure(self._path, f"{max(0, there)} of {self._count} frames in it", _NO_ROOM_FIX)
        self._part.commit()


def _failure(path: Path, got: str, fix: str) -> OutputError:
    return OutputError(f"video {path}", expected="a file that can be written", got=got, fix=f"It is missing. {fix}")
