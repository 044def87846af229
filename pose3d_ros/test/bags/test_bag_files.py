"""Recordings that were cut off, compressed, or left without their metadata."""

from __future__ import annotations

import shutil
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from pose3d_ros.bags.bag_files import MAGIC, SEAL
from pose3d_ros.bags.bag_reader import BagReader, SerializedMessage
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.message_types import PEOPLE_TYPE, pose3d_typestore
from pose3d_ros.errors import BagError

from ..conftest import Scene

_CDR = b"\0\1\0\0"


@pytest.fixture
def chunked(tmp_path: Path) -> tuple[Path, list[SerializedMessage]]:
    """A bag of twelve messages in four chunks, and these."""
    with BagWriter(tmp_path / "whole.mcap") as writer:
        writer.add_topic("/people", PEOPLE_TYPE)
        for number in range(12):
            writer.write_serialized("/people", number, _CDR + bytes([number + 100]) * 1000)
            if number % 3 == 2:
                writer.flush()
    with BagReader(tmp_path / "whole.mcap") as reader:
        messages = list(reader.serialized(("/people",)))
    assert len(messages) == 12
    return tmp_path / "whole.mcap", messages


def test_cut_recording_is_read_up_to_its_last_whole_chunk(
    chunked: tuple[Path, list[SerializedMessage]], tmp_path: Path
) -> None:
    path, messages = chunked
    content, counts = path.read_bytes(), []
    for length in [*range(100, len(content) - 1, 97), len(content) - 1]:
        (tmp_path / "cut.mcap").write_bytes(content[:length])
        with BagReader(tmp_path / "cut.mcap") as reader:
            assert "cut off" in reader.problem
            read = list(reader.serialized(("/people",)))
        assert read == messages[: len(read)]
        counts.append(len(read))
    assert set(counts) == {0, 3, 6, 9, 12}
    assert all(first <= second for first, second in pairwise(counts))


def test_zeros_behind_a_recording_are_no_records(chunked: tuple[Path, list[SerializedMessage]], tmp_path: Path) -> None:
    path, messages = chunked
    content = path.read_bytes()
    (tmp_path / "cut.mcap").write_bytes(content[: _third_chunk(content)] + bytes(5000))
    with BagReader(tmp_path / "cut.mcap") as reader:
        assert list(reader.serialized(("/people",))) == messages[:6]


def _third_chunk(content: bytes) -> int:
    """Where the third chunk record begins; its opcode is 6."""
    at = len(MAGIC)
    starts: list[int] = []
    while len(starts) < 3:
        kind, length = struct.unpack_from("<BQ", content, at)
        starts += [at] if kind == 6 else []
        at += 9 + length
    return starts[2]


def test_sealed_recording_is_whole(chunked: tuple[Path, list[SerializedMessage]], tmp_path: Path) -> None:
    path, messages = chunked
    content = path.read_bytes()
    (tmp_path / "sealed.mcap").write_bytes(content[: _third_chunk(content)] + SEAL)
    with BagReader(tmp_path / "sealed.mcap") as reader:
        assert reader.problem == ""
        assert list(reader.serialized(("/people",))) == messages[:6]


def test_messages_of_a_cut_recording_are_decoded(scene: Scene, tmp_path: Path) -> None:
    path = scene.write(tmp_path / "whole.mcap", frames=3)
    path.write_bytes(path.read_bytes()[:-300])
    with BagReader(path) as reader:
        assert [image.stamp_ns for image in reader.images()] == list(scene.stamps_ns[:3])


def test_folder_without_metadata_is_its_only_file(scene: Scene, tmp_path: Path) -> None:
    folder = scene.write(tmp_path / "folder", frames=3)
    (folder / "metadata.yaml").unlink()
    with BagReader(folder) as reader:
        assert len(list(reader.images())) == 3
    shutil.copy(folder / "folder.mcap", folder / "folder_1.mcap")
    with pytest.raises(BagError, match=r"2 \.mcap and \.db3 files.*ros2 bag reindex"):
        BagReader(folder)


def compressed_bag(folder: Path, mode: CompressionMode, storage: StoragePlugin) -> Path:
    """A bag of one message, compressed; its only file."""
    writer = Writer(folder, version=8, storage_plugin=storage)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection("/people", PEOPLE_TYPE, typestore=pose3d_typestore())
        writer.write(connection, 7, _CDR + bytes(100))
    return next(path for path in folder.iterdir() if path.name != "metadata.yaml")


@pytest.mark.parametrize("storage", list(StoragePlugin))
@pytest.mark.parametrize("mode", [CompressionMode.MESSAGE, CompressionMode.FILE])
def test_compressed_file_is_read_with_its_folders_metadata(
    mode: CompressionMode, storage: StoragePlugin, tmp_path: Path
) -> None:
    file = compressed_bag(tmp_path / "bag", mode, storage)
    for path in (file, file.parent):
        with BagReader(path) as reader:
            assert [message.data for message in reader.serialized(("/people",))] == [_CDR + bytes(100)]


def test_compressed_messages_without_metadata_are_never_taken_for_messages(tmp_path: Path) -> None:
    file = compressed_bag(tmp_path / "bag", CompressionMode.MESSAGE, StoragePlugin.SQLITE3)
    alone = Path(shutil.copy(file, tmp_path / "alone.db3"))
    with BagReader(alone) as reader, pytest.raises(BagError, match=r"compressed with zstd.*Put the metadata\.yaml"):
        list(reader.serialized(("/people",)))
    packed = compressed_bag(tmp_path / "packed", CompressionMode.FILE, StoragePlugin.SQLITE3)
    with pytest.raises(BagError, match=r"a compressed file.*zstd -d"):
        BagReader(shutil.copy(packed, tmp_path))


def test_one_of_several_compressed_files_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    file = compressed_bag(tmp_path / "bag", CompressionMode.MESSAGE, StoragePlugin.SQLITE3)
    metadata = file.with_name("metadata.yaml")
    text = metadata.read_text(encoding="utf-8")
    metadata.write_text(text.replace(f"- {file.name}", f"- {file.name}\n  - other.db3"), encoding="utf-8")
    with pytest.raises(BagError, match=r"one of 2 compressed files.*Name their folder"):
        BagReader(file)


def test_messages_in_a_write_ahead_log_are_not_lost_in_silence(tmp_path: Path) -> None:
    (tmp_path / "bag.db3").write_bytes(b"SQLite format 3\0")
    (tmp_path / "bag.db3-wal").write_bytes(b"more")
    with pytest.raises(BagError, match=r"bag\.db3-wal still.*wal_checkpoint"):
        BagReader(tmp_path / "bag.db3")
    assert (tmp_path / "bag.db3-wal").read_bytes() == b"more"


@pytest.mark.parametrize("name", ["old.bag", "old", "old.mcap", "old.db3"])
def test_ros_1_recording_is_named_whatever_its_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"#ROSBAG V2.0\n" + bytes(100))
    with pytest.raises(BagError, match=rf"got a ROS 1 recording\. Convert it: rosbags-convert --src .*{name} --dst"):
        BagReader(tmp_path / name)
