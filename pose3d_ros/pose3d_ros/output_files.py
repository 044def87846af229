"""Files that the package writes: whole, or an error that says which is missing."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pose3d_ros.errors import OutputError
from pose3d_ros.reading.files import in_words, is_file, is_folder, is_there

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class PartialFile:
    """A file that is written beside `target` and takes its place once it is complete; until then `target` is as before.

    path: what to write, with the suffix of the target. The target of a symbolic link is replaced, not the link; a
    device or a pipe, such as /dev/stdout, is written itself. Raises OutputError where the folder can't be made.
    """

    def __init__(self, target: Path) -> None:
        self._is_special = is_there(target) and not is_file(target) and not is_folder(target)
        self._target = target if self._is_special else Path(os.path.realpath(target))
        beside = self._target.with_name(f".{self._target.stem}.part{self._target.suffix}")
        self.path = target if self._is_special else beside
        try:
            self._target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(target, error) from error

    def commit(self) -> None:
        """Put the file in its place, once it is on the disk. Raises OutputError, and leaves none, where that fails."""
        if self._is_special:
            return
        try:
            _sync(self.path)
            os.replace(self.path, self._target)
            _sync(self._target.parent)
        except OSError as error:
            self.discard()
            raise output_error(self._target, error) from error

    def discard(self) -> None:
        """Remove what was written."""
        if not self._is_special:
            with suppress(OSError):
                self.path.unlink()


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """The path of a `PartialFile`, which takes its place at the end unless there is an error.

    Raises OutputError for every OSError on the way.
    """
    part = PartialFile(target)
    try:
        yield part.path
    except OSError as error:
        part.discard()
        raise output_error(target, error) from error
    except BaseException:
        part.discard()
        raise
    part.commit()


def write_file(target: Path, content: str | bytes) -> None:
    """Write a whole file, text as UTF-8. Raises OutputError, and leaves what was there before, where that fails."""
    with replacing(target) as path:
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def output_error(target: Path, error: OSError, missing: str = "") -> OutputError:
    """The error of a file that can't be written. missing: a sentence on what it lacks; empty: all of it."""
    fix = "Choose another folder or name."
    if error.errno in _NO_ROOM:
        fix = "Make room there, or write to another disk, and run it again."
    return OutputError(
        f"output {target}",
        expected="a file that can be written",
        got="a file where a folder should be" if error.errno == errno.EEXIST else in_words(error),
        fix=f"{missing or 'It is missing.'} {fix}",
    )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
