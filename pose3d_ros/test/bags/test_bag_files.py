"""Recordings that were cut off, compressed, or left without their metadata."""

from __future__ import annotations

import re
import shutil
import struct
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from pose3d_ros.bags.bag_files import MAGIC, SEAL
from pose3d_ros.bags.bag_parts import SerializedMessage
from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.decompression import unpacked_file
from pose3d_ros.bags.message_types import PEOPLE_TYPE, pose3d_typestore
from pose3d_ros.errors import BagError

from ..conftest import IMAGES, Scene

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
            assert "cut off" in reader.problems[0]
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
        assert reader.problems == ()
        assert list(reader.serialized(("/people",))) == messages[:6]


def test_messages_of_a_cut_recording_are_decoded(scene: Scene, tmp_path: Path) -> None:
    path = scene.write(tmp_path / "whole.mcap", frames=3)
    path.write_bytes(path.read_bytes()[:-300])
    with BagReader(path) as reader:
        assert [image.stamp_ns for image in reader.images()] == list(scene.stamps_ns[:3])


def split_bag(scene: Scene, folder: Path, parts: int = 3, storage: StoragePlugin = StoragePlugin.MCAP) -> Path:
    """A folder of files as rosbag2 splits a recording, two images in each, and its metadata.yaml."""
    folder.mkdir()
    names = []
    for part in range(parts):
        span = slice(2 * part, 2 * part + 2)
        one = replace(scene, stamps_ns=scene.stamps_ns[span], ground_truth=scene.ground_truth[span])
        source = one.write(folder.parent / "part.mcap")
        with BagReader(source) as reader, Writer(folder / "w", version=9, storage_plugin=storage) as writer:
            for topic in reader.topics.values():
                connection = writer.add_connection(topic.name, topic.msgtype, typestore=pose3d_typestore())
                for message in reader.serialized((topic.name,)):
                    writer.write(connection, message.received_ns, message.data)
        names.append(f"bag_{part + 8}.{'mcap' if storage == StoragePlugin.MCAP else 'db3'}")  # 8, 9, 10
        next(path for path in (folder / "w").iterdir() if path.suffix != ".yaml").replace(folder / names[-1])
        text = (folder / "w/metadata.yaml").read_text(encoding="utf-8")
        shutil.rmtree(folder / "w")
    listed = re.sub(r"relative_file_paths:\n\s+- \S+", "relative_file_paths: [" + ", ".join(names) + "]", text)
    assert names[0] in listed
    (folder / "metadata.yaml").write_text(listed, encoding="utf-8")
    return folder


def stamps_of(path: Path) -> list[int]:
    """Stamps of the images, in the order in which they are read."""
    with BagReader(path) as reader:
        return [image.stamp_ns for image in reader.images()]


@pytest.mark.parametrize("storage", list(StoragePlugin))
@pytest.mark.parametrize("change", ["none", "no metadata", "damaged", "no storage id", "foxy paths"])
def test_split_bag_is_one_recording(scene: Scene, tmp_path: Path, storage: StoragePlugin, change: str) -> None:
    folder = split_bag(scene, tmp_path / "bag", storage=storage)
    metadata = folder / "metadata.yaml"
    text = metadata.read_text(encoding="utf-8")
    if change == "no metadata":
        metadata.unlink()
    elif change == "damaged":
        metadata.write_text("", encoding="utf-8")
    elif change == "no storage id":
        metadata.write_text(re.sub(r"storage_identifier: \w+", "storage_identifier: ''", text), encoding="utf-8")
    elif change == "foxy paths":
        metadata.write_text(text.replace("[bag_8", "[bag/bag_8"), encoding="utf-8")
    assert stamps_of(folder) == list(scene.stamps_ns[:6])
    with BagReader(folder) as reader:
        assert reader.topics[IMAGES].count == 6
        assert [reader.start_ns, reader.duration_s] == [scene.stamps_ns[0], pytest.approx(5 / 15, abs=1e-6)]
        remedies = [problem for problem in reader.problems if f"`ros2 bag reindex {folder}`" in problem]
        assert len(remedies) == (change in ("no metadata", "damaged"))


def test_missing_part_is_an_error_that_names_it(scene: Scene, tmp_path: Path) -> None:
    folder = split_bag(scene, tmp_path / "bag")
    (folder / "bag_9.mcap").unlink()
    with pytest.raises(BagError, match=r"got no bag_9\.mcap\. Copy the file there; or .*ros2 bag reindex"):
        BagReader(folder)


def test_cut_last_part_is_read_up_to_its_last_whole_record(scene: Scene, tmp_path: Path) -> None:
    folder = split_bag(scene, tmp_path / "bag")
    (folder / "metadata.yaml").unlink()  # of a recorder that was killed
    last = folder / "bag_10.mcap"
    last.write_bytes(last.read_bytes()[:-200])
    assert stamps_of(folder)[:4] == list(scene.stamps_ns[:4])
    with BagReader(folder) as reader:
        assert sum("cut off" in problem for problem in reader.problems) == 1


def test_folder_of_several_recordings_is_an_error(scene: Scene, tmp_path: Path) -> None:
    for name in ("monday.mcap", "tuesday.mcap"):
        scene.write(tmp_path / name, frames=1)
    with pytest.raises(BagError, match=r"2 \.mcap and \.db3 files\. Name one of them; or, .*ros2 bag reindex"):
        BagReader(tmp_path)


def test_folder_of_ros_1_recordings_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.bag").write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(BagError, match=r"a folder of ROS 1 recordings.*rosbags-convert"):
        BagReader(tmp_path)


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
@pytest.mark.parametrize("alone", [False, True])
def test_compressed_bag_is_read_with_and_without_metadata(
    mode: CompressionMode, storage: StoragePlugin, alone: bool, tmp_path: Path
) -> None:
    file = compressed_bag(tmp_path / "bag", mode, storage)
    if alone:
        file.with_name("metadata.yaml").unlink()
    for path in (file, file.parent):
        with BagReader(path) as reader:
            assert [message.data for message in reader.serialized(("/people",))] == [_CDR + bytes(100)]


def test_files_that_were_packed_or_unpacked_since_are_found(tmp_path: Path) -> None:
    file = compressed_bag(tmp_path / "bag", CompressionMode.FILE, StoragePlugin.SQLITE3)
    unpacked_file(file, tmp_path).replace(file.with_suffix(""))
    for leftover in (True, False):
        with BagReader(file.parent) as reader:
            assert [message.data for message in reader.serialized(("/people",))] == [_CDR + bytes(100)]
        file.unlink(missing_ok=leftover is False)


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
