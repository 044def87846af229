"""Compressed bags: files and messages of zstd, and chunks of MCAP, each unpacked up to a bound."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from lz4.frame import LZ4FrameDecompressor  # type: ignore[import-untyped]  # as zstd, with rosbags
from rosbags.rosbag2 import ReaderError, storage_mcap

from pose3d_ros.errors import BagError
from pose3d_ros.output_files import output_error

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD_SUFFIXES = (".zstd", ".zst")
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
"""No CDR message begins so: its first byte is 0."""
MOST_BYTES = 1 << 30
"""Of one message, and of one chunk."""
_BLOCK = 1 << 20
_KEPT_FREE = 256 << 20
"""Of the disk."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def decompressed(data: bytes, most_bytes: int, new: Callable[[], _Decompressor] = zstd.ZstdDecompressor) -> bytes:
    """All frames of compressed data.

    Raises ReaderError, as rosbags does for a damaged bag, for more than `most_bytes` and for data that is cut short.
    """
    parts: list[bytes] = []
    left = most_bytes
    while data:
        decompressor = new()
        parts.append(decompressor.decompress(data, left + 1))
        left -= len(parts[-1])
        if left < 0:
            raise ReaderError(f"Compressed data of more than {most_bytes} bytes.")
        if not decompressor.eof:
            raise ReaderError("Compressed data that is cut short.")
        data = decompressor.unused_data or b""
    return b"".join(parts)


def bound_chunks() -> None:
    """Let rosbags unpack the chunks of MCAP files up to the size that each states, and none of more than a bound.

    By itself it unpacks all that comes, and compares then.
    """
    for name, new in (("zstd", zstd.ZstdDecompressor), ("lz4", LZ4FrameDecompressor)):
        storage_mcap.DECOMPRESSORS[name] = _bounded(new)


def _bounded(new: Callable[[], _Decompressor]) -> Callable[[bytes, int], bytes]:
    return lambda data, size: decompressed(data, min(size, MOST_BYTES), new)


def unpacked_file(path: Path, folder: Path) -> Path:
    """A file of zstd, unpacked into a folder; the name loses its last suffix.

    Raises BagError for damaged data and OutputError where the disk has no room for it.
    """
    target = folder / path.stem
    try:
        with zstd.open(path, "rb") as packed, target.open("wb") as file:
            while block := packed.read(_BLOCK):
                if shutil.disk_usage(folder).free < _KEPT_FREE:
                    raise BagError(
                        f"bag {path}",
                        expected=f"room for it, unpacked, in {folder.parent}",
                        got=f"more than {file.tell() >> 20} MiB of data and a full disk",
                        fix="Set TMPDIR to a folder on a larger disk.",
                    )
                file.write(block)
    except (zstd.ZstdError, EOFError) as error:
        fix = "Copy it again, or look for the rest of its recording: each file is compressed by itself."
        raise BagError(f"bag {path}", expected="a whole file of zstd", got="damaged data", fix=fix) from error
    except OSError as error:
        raise output_error(target, error) from error
    return target
