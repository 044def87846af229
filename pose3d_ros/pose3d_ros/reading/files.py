"""The one reader of files that users name: regular ones of bounded size, or an error that says what is there."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pose3d_ros.errors import Pose3DError

_LEAST_BLOCK = 1 << 16
_IN_WORDS = {
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "a path through a file that is no folder",
    errno.EISDIR: "a folder",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.ENAMETOOLONG: "a name that is too long for the file system",
    errno.ELOOP: "symbolic links that go round in a circle",
    errno.ENXIO: "a socket or a device without a driver",
    errno.ENOSPC: "a full disk",
    errno.EDQUOT: "a full quota of the disk",
    errno.EROFS: "a file system that can't be written",
    errno.EMFILE: "too many open files",
    errno.EIO: "an error of the disk",
}
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


@dataclass(frozen=True)
class Origin:
    """Where outside data comes from, as its errors say it.

    kind: the class of the errors. subject: what is read, with its path. fix: what to do about every fault of it.
    """

    kind: type[Pose3DError]
    subject: str
    fix: str

    def error(self, expected: str, got: str, where: str = "") -> Pose3DError:
        """An error about it. where: the place in it, such as `: image_width`."""
        return self.kind(self.subject + where, expected=expected, got=got, fix=self.fix)


def in_words(error: OSError | ValueError) -> str:
    """What went wrong with a path, in our words. Python raises ValueError for one with a NUL byte."""
    if not isinstance(error, OSError):
        return "a name that no file can have"
    return _IN_WORDS.get(error.errno or 0) or os.strerror(error.errno or errno.EIO).lower()


def is_file(path: str | Path) -> bool:
    """Whether there is a regular file, whatever the path."""
    return _is(path, stat.S_ISREG)


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder, whatever the path."""
    return _is(path, stat.S_ISDIR)


def is_there(path: str | Path) -> bool:
    """Whether there is anything, whatever the path."""
    return _is(path, lambda _: True)


def check_file(path: str | Path, origin: Origin, expected: str = "a file") -> None:
    """Raise the origin's error where there is no regular file that may be read."""
    os.close(_opened(Path(path), origin, expected))


def open_file(path: str | Path, origin: Origin, expected: str = "a readable file") -> BinaryIO:
    """A regular file, open for reading; the caller bounds what it reads. Raises the origin's error as `check_file`."""
    return open(_opened(Path(path), origin, expected), "rb")


def read_bytes(path: str | Path, origin: Origin, *, most_bytes: int, expected: str = "a readable file") -> bytes:
    """The content of a regular file of up to `most_bytes`. Raises the origin's error for anything else."""
    with open_file(path, origin, expected) as file:
        is_larger = os.fstat(file.fileno()).st_size > most_bytes
        try:
            content = b"" if is_larger else _read_up_to(file, most_bytes + 1)
        except OSError as error:
            raise origin.error(expected, in_words(error)) from error
    if is_larger or len(content) > most_bytes:
        raise origin.error(f"a file of up to {_size(most_bytes)}", "a larger one")
    return content


def read_text(path: str | Path, origin: Origin, *, most_bytes: int, expected: str = "a readable file") -> str:
    """The text of a UTF-8 file, with or without its mark (BOM). Raises as `read_bytes`, and for another encoding."""
    content = read_bytes(path, origin, most_bytes=most_bytes, expected=expected)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise origin.error(f"{expected}, in UTF-8", f"other bytes from byte {error.start} on") from error


def read_ends(path: str | Path, origin: Origin, count: int) -> bytes:
    """The first and the last so many bytes of a regular file. Raises the origin's error as `check_file`."""
    with open_file(path, origin) as file:
        try:
            first = file.read(count)
            file.seek(max(file.tell(), os.fstat(file.fileno()).st_size - count))
            return first + file.read(count)
        except OSError as error:
            raise origin.error("a readable file", in_words(error)) from error


def _is(path: str | Path, kind: Callable[[int], bool]) -> bool:
    try:
        return kind(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _read_up_to(file: BinaryIO, most: int) -> bytes:
    """In blocks of about the file's size: a read of a number allocates that many bytes."""
    block = os.fstat(file.fileno()).st_size + _LEAST_BLOCK
    parts = [file.read(min(block, most))]
    while parts[-1] and (left := most - sum(map(len, parts))) > 0:
        parts.append(file.read(min(block, left)))
    return parts[0] if len(parts) < 3 else b"".join(parts)


def _opened(path: Path, origin: Origin, expected: str) -> int:
    """A descriptor of a regular file. O_NONBLOCK: a pipe without a writer would wait for one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        raise origin.error(expected, in_words(error)) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise origin.error(expected, next((name for fits, name in _KINDS if fits(mode)), "something else"))
    return descriptor


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count >> 10} KiB" if count >= 1 << 10 else f"{count} bytes"
