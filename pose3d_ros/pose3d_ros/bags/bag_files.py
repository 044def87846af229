"""Which files a recording consists of, in order, and those that were cut off, of which the whole records are read."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pose3d_ros.bags.decompression import ZSTD_SUFFIXES
from pose3d_ros.errors import BagError, Pose3DError
from pose3d_ros.reading.documents import fields_of, read_yaml
from pose3d_ros.reading.files import Origin, check_file, in_words, is_file, is_folder

EXPECTED = "a readable ROS 2 bag (.mcap, .db3 or a rosbag2 folder)"
MAGIC = b"\x89MCAP0\r\n"
SEAL = b"\x0f" + struct.pack("<QI", 4, 0) + b"\x02" + struct.pack("<QQQI", 20, 0, 0, 0) + MAGIC
"""The end of an MCAP file without a summary: DataEnd, Footer (https://mcap.dev/spec)."""

_METADATA = "metadata.yaml"
_SUFFIXES = (".mcap", ".db3")
_DATA_END = 0x0F
_ROS1_MAGIC = b"#ROSBAG V"
_CUT = "the recording was cut off: what was whole until then is read; `mcap recover` makes a whole file of it"


@dataclass(frozen=True)
class BagFiles:
    """The files of a recording in the order of time, and what the user should know of them."""

    paths: tuple[Path, ...]
    problems: tuple[str, ...] = ()


def is_bag(path: Path) -> bool:
    """Whether a path names a recording, of ROS 1 too: by suffix, or a folder with metadata.yaml or such files.

    One of ROS 1 is known whatever its name.
    """
    if not is_folder(path):
        return _has_bag_name(path) or (is_file(path) and _is_ros1(path))
    try:
        return is_file(path / _METADATA) or any(map(_has_bag_name, path.iterdir()))
    except OSError:  # a folder that can't be read
        return False


def _is_ros1(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_ROS1_MAGIC)) == _ROS1_MAGIC
    except OSError:  # its reader says why
        return False


def _has_bag_name(path: Path) -> bool:
    name = path.stem if path.suffix in ZSTD_SUFFIXES else path.name
    return Path(name).suffix in (*_SUFFIXES, ".bag") and is_file(path)


def files_of(path: Path) -> BagFiles:
    """The files of a bag: itself, or those of its folder.

    A folder's metadata.yaml gives their order. Without one, as a recorder that was killed leaves it, or with a damaged
    one, they are known by their suffix, and several by the numbers that rosbag2 gives them. Raises BagError for what
    can't be read that way.
    """
    if not is_folder(path):
        check_file(path, _origin(path), EXPECTED)
        _check_kind(path)
        return BagFiles((path,))
    names, damage = _listed(path)
    try:
        found = BagFiles(_existing(path, names)) if names else _by_suffix(path, damage or "no metadata.yaml")
    except OSError as error:
        raise _origin(path).error("a folder that can be read", in_words(error)) from error
    for file in found.paths:
        check_file(file, _origin(path), EXPECTED)
        _check_kind(file)
    return found


def whole(path: Path) -> tuple[Path, tuple[str, ...]]:
    """A file and its problems; of a cut MCAP file one that reads as if it ended after its last whole record."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if path.suffix != ".mcap" or size < 2 * len(MAGIC) or file.read(len(MAGIC)) != MAGIC:
            return path, ()
        file.seek(-len(MAGIC), io.SEEK_END)
        if file.read() == MAGIC:
            return path, ()
        end = _end_of_records(file, size)
    if end == len(MAGIC):
        return path, ()
    cut = _CutFile(path)
    cut.end = end
    return cut, (_CUT,)


def _origin(path: Path) -> Origin:
    return Origin(BagError, f"bag {path}", "Check the path.")


def _check_kind(path: Path) -> None:
    """Raise BagError for recordings that can't be read as they are, with what to do about them."""
    if path.suffix == ".bag" or _is_ros1(path):
        fix = f"Convert it: rosbags-convert --src {path} --dst FOLDER."
        raise _refused(path, "a ROS 1 recording", fix)
    wal = path.with_name(path.name + "-wal")
    if path.suffix == ".db3" and is_file(wal) and wal.stat().st_size:
        fix = f"Merge it: `sqlite3 {path} 'PRAGMA wal_checkpoint(TRUNCATE)'`."
        raise _refused(path, f"one whose last messages are in {wal.name} still", fix)


def _listed(folder: Path) -> tuple[Sequence[str], str]:
    """The names that a folder's metadata.yaml lists; none and why, "" where there is no such file."""
    metadata = folder / _METADATA
    if not is_file(metadata):
        return (), ""
    origin = Origin(BagError, f"bag {folder}", "")
    try:
        about = fields_of(read_yaml(metadata, origin), origin).get("rosbag2_bagfile_information")
    except Pose3DError:
        return (), "a damaged metadata.yaml"
    names = about.get("relative_file_paths") if isinstance(about, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        return (), "a metadata.yaml that lists no files"
    return list(dict.fromkeys(Path(name).name for name in names)), ""


def _existing(folder: Path, names: Sequence[str]) -> tuple[Path, ...]:
    """The listed files, packed or unpacked since. Raises BagError where one is missing."""
    return tuple(_packed_or_not(folder, name) for name in names)


def _packed_or_not(folder: Path, name: str) -> Path:
    bare = folder / name.removesuffix(Path(name).suffix) if Path(name).suffix in ZSTD_SUFFIXES else folder / name
    for path in (folder / name, bare, *(bare.with_name(bare.name + suffix) for suffix in ZSTD_SUFFIXES)):
        if path.exists():
            return path
    fix = f"Copy the file there; or make the metadata of what is there: `ros2 bag reindex {folder}`."
    raise BagError(f"bag {folder}", expected="all files that its metadata.yaml lists", got=f"no {name}", fix=fix)


def _by_suffix(folder: Path, why: str) -> BagFiles:
    bare = {
        path.name.removesuffix(path.suffix) if path.suffix in ZSTD_SUFFIXES else path.name: path
        for path in sorted(folder.iterdir(), reverse=True)
    }  # of a.db3 and a.db3.zstd the first
    files = {name: path for name, path in bare.items() if Path(name).suffix in _SUFFIXES}
    order = sorted(files, key=_number)
    if files and (len(files) == 1 or _is_split(order)):
        remedy = f"`ros2 bag reindex {folder}` makes it anew"
        how = "its only file is" if len(files) == 1 else f"its {len(files)} files are"
        return BagFiles(tuple(files[name] for name in order), (f"the folder has {why}: {how} read; {remedy}",))
    if any(path.suffix == ".bag" for path in folder.iterdir()) and not files:
        fix = f"Convert it: rosbags-convert --src {folder}/FILE.bag --dst FOLDER."
        raise _refused(folder, "a folder of ROS 1 recordings", fix)
    fix = "Name the folder of the bag itself."
    if files:
        fix = f"Name one of them; or, if they are one recording, `ros2 bag reindex {folder}`."
    raise _refused(folder, f"a folder with {why}, with {len(files)} .mcap and .db3 files", fix)


def _number(name: str) -> tuple[str, int, str]:
    """How rosbag2 names the parts of a recording: NAME_0.mcap, NAME_1.mcap and so on."""
    found = re.fullmatch(r"(.*)_(\d{1,9})", Path(name).stem, re.DOTALL)
    return (found[1], int(found[2]), Path(name).suffix) if found else (Path(name).stem, -1, Path(name).suffix)


def _is_split(names: Sequence[str]) -> bool:
    parts = [_number(name) for name in names]
    return len({(stem, suffix) for stem, _, suffix in parts}) == 1 and all(number >= 0 for _, number, _ in parts)


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
