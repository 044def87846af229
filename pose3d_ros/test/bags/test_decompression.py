"""Data that unpacks to far more than it should, or to nothing, is an error before it fills memory."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lz4.frame  # type: ignore[import-untyped]
import pytest
from backports import zstd
from rosbags.rosbag2 import CompressionFormat, CompressionMode, ReaderError, StoragePlugin, Writer

from pose3d_ros.bags import decompression
from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.decompression import decompressed, unpacked_file
from pose3d_ros.bags.message_types import PEOPLE_TYPE, pose3d_typestore
from pose3d_ros.errors import BagError

_CDR = b"\0\1\0\0"


def test_frames_behind_each_other_are_one() -> None:
    assert decompressed(zstd.compress(b"first ") + zstd.compress(b"second"), 12) == b"first second"


def test_more_than_the_bound_is_an_error_and_no_more_is_unpacked() -> None:
    bomb = zstd.compress(bytes(50_000_000))
    assert len(bomb) < 10_000
    with pytest.raises(ReaderError, match="more than 1000 bytes"):
        decompressed(bomb, 1000)


@pytest.mark.parametrize("data", [zstd.compress(bytes(1000))[:-5], zstd.compress(bytes(1000))[:3]])
def test_data_that_is_cut_short_is_an_error(data: bytes) -> None:
    with pytest.raises(ReaderError, match="cut short"):
        decompressed(data, 10_000)


def chunked(pack: Callable[[bytes], bytes], name: bytes, records: bytes, stated: int) -> bytes:
    """An MCAP file of one chunk, without a summary."""

    def text(value: bytes) -> bytes:
        return struct.pack("<I", len(value)) + value

    def record(kind: int, content: bytes) -> bytes:
        return struct.pack("<BQ", kind, len(content)) + content

    packed = pack(records)
    chunk = struct.pack("<QQQI", 5, 5, stated, 0) + text(name) + struct.pack("<Q", len(packed)) + packed
    header, footer = record(1, text(b"ros2") + text(b"")), record(15, bytes(4)) + record(2, bytes(20))
    return b"\x89MCAP0\r\n" + header + record(6, chunk) + footer + b"\x89MCAP0\r\n"


def records_of(
    message: bytes, number: int = 1, topic: str = "/people", encoding: str = "cdr", schema_encoding: str = ""
) -> bytes:
    """A schema without definition, a channel, and a message."""

    def text(value: bytes) -> bytes:
        return struct.pack("<I", len(value)) + value

    schema = struct.pack("<H", number) + text(PEOPLE_TYPE.encode()) + text(schema_encoding.encode()) + text(b"")
    channel = struct.pack("<HH", number, number) + text(topic.encode()) + text(encoding.encode()) + text(b"")
    content = struct.pack("<HIQQ", number, 0, 5, 5) + message
    kinds = ((3, schema), (4, channel), (5, content))
    return b"".join(struct.pack("<BQ", kind, len(one)) + one for kind, one in kinds)


@pytest.mark.parametrize(("name", "pack"), [(b"zstd", zstd.compress), (b"lz4", lz4.frame.compress)])
def test_chunks_are_unpacked_up_to_the_size_that_they_state(name: bytes, pack: Any, tmp_path: Path) -> None:
    records = records_of(_CDR + bytes(10_000_000))
    (tmp_path / "a.mcap").write_bytes(chunked(pack, name, records, len(records)))
    with BagReader(tmp_path / "a.mcap") as reader:
        assert [len(message.data) for message in reader.serialized(("/people",))] == [10_000_004]
    for stated in (1000, len(records) - 1):
        (tmp_path / "b.mcap").write_bytes(chunked(pack, name, records, stated))
        with pytest.raises(BagError, match=f"more than {stated} bytes"), BagReader(tmp_path / "b.mcap"):
            pass


def test_chunks_that_state_more_than_the_bound_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompression, "MOST_BYTES", 1000)
    records = records_of(_CDR + bytes(10_000))
    (tmp_path / "a.mcap").write_bytes(chunked(zstd.compress, b"zstd", records, len(records)))
    with pytest.raises(BagError, match="more than 1000 bytes"), BagReader(tmp_path / "a.mcap"):
        pass


def test_file_that_fills_the_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.db3.zstd").write_bytes(zstd.compress(bytes(5_000_000)))
    monkeypatch.setattr(decompression, "_KEPT_FREE", 1 << 62)
    with pytest.raises(BagError, match=r"got more than 0 MiB of data and a full disk\. Set TMPDIR"):
        unpacked_file(tmp_path / "a.db3.zstd", tmp_path)


@pytest.mark.parametrize("content", [b"no zstd at all", zstd.compress(bytes(100))[:-3]])
def test_damaged_packed_file_is_an_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.db3.zstd").write_bytes(content)
    with pytest.raises(BagError, match="got damaged data"), BagReader(tmp_path / "a.db3.zstd"):
        pass


def test_damaged_message_of_a_compressed_bag_is_an_error(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "bag", version=8, storage_plugin=StoragePlugin.SQLITE3)
    writer.set_compression(CompressionMode.MESSAGE, CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection("/people", PEOPLE_TYPE, typestore=pose3d_typestore())
        writer.write(connection, 7, _CDR + bytes(100))
    file = tmp_path / "bag/bag.db3"
    packed = zstd.compress(_CDR + bytes(100))
    assert file.read_bytes().count(packed) == 1
    file.write_bytes(file.read_bytes().replace(packed, packed[:6] + bytes(len(packed) - 6)))
    with BagReader(file) as reader, pytest.raises(BagError):
        list(reader.serialized(("/people",)))
