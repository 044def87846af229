"""Which file of a recording to open, and recordings that were cut off, of which the whole records are read."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

from pose3d_ros.errors import BagError
from pose3d_ros.reading.documents import fields_of, read_yaml
from pose3d_ros.reading.files import Origin, check_file, is_file, is_folder

EXPECTED = "a readable ROS 2 bag (.mcap, .db3 or a rosbag2 folder)"
MAGIC = b"\x89MCAP0\r\n"
SEAL = b"\x0f" + struct.pack("<QI", 4, 0) + b"\x02" + struct.pack("<QQQI", 20, 0, 0, 0) + MAGIC
"""The end of an MCAP file without a summary: DataEnd, Footer (https://mcap.dev/spec)."""

_METADATA = "metadata.yaml"
_SUFFIXES = frozenset({".mcap", ".db3", ".zstd", ".zst"})
_DATA_END = 0x0F
_ROS1_MAGIC = b"#ROSBAG V"
_CUT = "the recording was cut off: what was whole until then is read; `mcap recover` makes a whole file of it"


def bag_to_open(path: Path) -> tuple[Path, str]:
    """What to open for a bag, and a problem of it that the user should know of, "" for none.

    A file whose folder has its metadata needs it where messages or files are compressed; a folder without metadata,
    as a recorder that was killed leaves it, is its only file. Raises BagError for what can't be read that way.
    """
    _check_files(path)
    if is_folder(path):
        return (path, "") if is_file(path / _METADATA) else _only_file(path)
    with path.open("rb") as file:
        if file.read(len(_ROS1_MAGIC)) == _ROS1_MAGIC or path.suffix == ".bag":
            fix = f"Convert it: rosbags-convert --src {path} --dst FOLDER."
            raise _refused(path, "a ROS 1 recording", fix)
    if is_file(path.with_name(_METADATA)) and _is_compressed(path):
        return path.parent, ""
    if path.suffix in (".zstd", ".zst"):
        raise _refused(path, "a compressed file", f"Unpack it: `zstd -d {path}`.")
    wal = path.with_name(path.name + "-wal")
    if path.suffix == ".db3" and is_file(wal) and wal.stat().st_size:
        fix = f"Merge it: `sqlite3 {path} 'PRAGMA wal_checkpoint(TRUNCATE)'`."
        raise _refused(path, f"one whose last messages are in {wal.name} still", fix)
    return _whole(path)


def _check_files(path: Path) -> None:
    """Raise BagError for what is no file, before it is waited for or read without end."""
    origin = Origin(BagError, f"bag {path}", "Check the path.")
    files = [path]
    if is_folder(path):
        files = [file for file in path.iterdir() if file.name == _METADATA or file.suffix in _SUFFIXES]
    for file in files:
        check_file(file, origin, EXPECTED)
    if is_folder(path) and is_file(path / _METADATA):
        read_yaml(path / _METADATA, origin)


def _is_compressed(path: Path) -> bool:
    """Whether the metadata beside a file says that the file or its messages are compressed.

    Raises BagError where they do, and the folder has other files besides.
    """
    origin = Origin(BagError, f"bag {path.parent}", "Record it again, or remove metadata.yaml.")
    about = fields_of(read_yaml(path.with_name(_METADATA), origin), origin).get("rosbag2_bagfile_information")
    if not isinstance(about, dict) or not about.get("compression_mode"):
        return False
    names = about.get("relative_file_paths")
    names = [Path(name).name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    if path.name not in names or str(about["compression_mode"]).lower() == "none":
        return False
    if len(names) > 1:
        raise _refused(path, f"one of {len(names)} compressed files", f"Name their folder: {path.parent}.")
    return True


def _only_file(folder: Path) -> tuple[Path, str]:
    files = sorted(p for p in folder.iterdir() if p.suffix in (".mcap", ".db3") and is_file(p))
    if len(files) == 1:
        return bag_to_open(files[0])
    fix = f"Make the metadata anew: `ros2 bag reindex {folder}`." if files else "Name the folder of the bag itself."
    raise _refused(folder, f"a folder without metadata.yaml, with {len(files)} .mcap and .db3 files", fix)


def _whole(path: Path) -> tuple[Path, str]:
    """The path; of a cut MCAP file one that reads as if it ended after its last whole record."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if path.suffix != ".mcap" or size < 2 * len(MAGIC) or file.read(len(MAGIC)) != MAGIC:
            return path, ""
        file.seek(-len(MAGIC), io.SEEK_END)
        if file.read() == MAGIC:
            return path, ""
        end = _end_of_records(file, size)
    if end == len(MAGIC):
        return path, ""
    cut = _CutFile(path)
    cut.end = end
    return cut, _CUT


def _end_of_records(file: io.BufferedReader, size: int) -> int:
    """Where the last whole record of an MCAP file's data ends."""
    at = len(MAGIC)
    while at + 9 <= size:
        file.seek(at)
        kind, length = struct.unpack("<BQ", file.read(9))
        if kind in (0, _DATA_END) or at + 9 + length > size:
            break
        at += 9 + length
    return at


class _CutFile(type(Path())):  # type: ignore[misc]  # PosixPath, whose name depends on the system
    """A path whose file ends at `end`, and a seal behind it."""

    end: int = 0

    def open(self, *arguments: Any, **options: Any) -> io.BufferedReader:
        """The file, for reading."""
        return io.BufferedReader(_Sealed(open(self, "rb", buffering=0), self.end))


class _Sealed(io.RawIOBase):
    """A file up to `end`, followed by the seal."""

    def __init__(self, file: io.FileIO, end: int) -> None:
        self._file, self._end, self._at = file, end, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end + len(SEAL)}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at < self._end:
            self._file.seek(self._at)
            data = self._file.read(min(len(buffer), self._end - self._at))
        else:
            start = self._at - self._end
            data = SEAL[start : start + len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _refused(path: Path, got: str, fix: str) -> BagError:
    return BagError(f"bag {path}", expected=EXPECTED, got=got, fix=fix)
