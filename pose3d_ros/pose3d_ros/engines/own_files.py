"""Files that are code once they are loaded, in a folder of the user's own: what others wrote is not read."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

from pose3d_ros.engines.failures import library_errors
from pose3d_ros.errors import EngineError

_ONLY_OWNER = 0o700
_SUFFIXES = (".plan", ".json", ".lock", ".cache", ".engine", ".profile", ".timing")
"""Of what this package, and ONNX Runtime's TensorRT provider, keep there."""
_FIX = "Set engine_cache to a new folder of your own."
_ROOT = 0
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_LOCK = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def make_own_folder(folder: Path) -> None:
    """Make a folder that only the user enters, or close one to others that is there and holds nothing but engines.

    Raises EngineError where it can't be made, belongs to another user, or is written by others, as /tmp is.
    """
    with library_errors(f"engine cache {folder}", expected="a folder that can be written", fix=_FIX, kinds=OSError):
        folder.mkdir(mode=_ONLY_OWNER, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _close_to_others(folder, descriptor)
        finally:
            os.close(descriptor)


def _close_to_others(folder: Path, descriptor: int) -> None:
    state = os.fstat(descriptor)
    mode = stat.S_IMODE(state.st_mode)
    if state.st_uid != os.geteuid():
        raise _not_own(folder, f"one of the user with the number {state.st_uid}")
    if mode == _ONLY_OWNER:
        return
    if not mode & stat.S_ISVTX and all(Path(name).suffix in _SUFFIXES for name in os.listdir(descriptor)):
        os.fchmod(descriptor, _ONLY_OWNER)
    elif mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _not_own(folder, f"one with other files that others may write to, mode {mode:o}")


def _not_own(folder: Path, got: str) -> EngineError:
    expected = "a folder that only the user who runs this can write to, since engines are code"
    return EngineError(f"engine cache {folder}", expected=expected, got=got, fix=_FIX)


def read_own(path: Path) -> bytes:
    """The content of a regular file of the user's, or of root's. Raises OSError for a link and anything else."""
    with os.fdopen(os.open(path, _READ), "rb") as file:
        _require_own(path, file.fileno())
        return file.read()


def open_lock(path: Path) -> int:
    """A descriptor for `flock`, of a file that is made if it is not there, and never emptied. Raises OSError."""
    descriptor = os.open(path, _LOCK, 0o600)
    try:
        _require_own(path, descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, whole. Raises OSError."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise


def _require_own(path: Path, descriptor: int) -> None:
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode) or state.st_uid not in (os.geteuid(), _ROOT):
        raise PermissionError(errno.EPERM, "not a file of this user", str(path))
