"""Bags of serialised messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.message_types import PEOPLE_TYPE
from pose3d_ros.bags.raw_bag import BagTopic, RawBagReader, RawBagWriter, RawMessage
from pose3d_ros.errors import BagError
from pose3d_ros.skeletons import get_skeleton

SKELETON = get_skeleton("muco21")


def make_bag(path: Path) -> Path:
    with BagWriter(path) as writer:
        for i in range(3):
            writer.write_image("/image_raw/compressed", 1000 + i, "cam", np.full((8, 8, 3), i, np.uint8))
            writer.write_people("/people", 1000 + i, "cam", (), SKELETON)
    return path


@pytest.mark.parametrize("name", ["bag.mcap", "folder"])
def test_what_is_read_is_written_byte_by_byte(tmp_path: Path, name: str) -> None:
    copy = tmp_path / "new/copy.mcap"
    with RawBagReader(make_bag(tmp_path / name)) as reader, RawBagWriter(copy) as writer:
        names = [topic.name for topic in reader.topics]
        original = list(reader.messages(names))
        for topic in reader.topics:
            writer.add_topic(topic)
        for message in original:
            writer.write(message)
    assert [m.time_ns for m in original] == [1000, 1000, 1001, 1001, 1002, 1002]
    with RawBagReader(copy) as again:
        assert list(again.messages(names)) == original
    with BagReader(copy) as records:
        assert [p.stamp_ns for p in records.people("/people")] == [1000, 1001, 1002]
    assert [path.name for path in copy.parent.iterdir()] == ["copy.mcap"]


def test_only_the_wanted_topics_are_read(tmp_path: Path) -> None:
    with RawBagReader(make_bag(tmp_path / "bag.mcap")) as reader:
        assert {m.topic for m in reader.messages(["/people"])} == {"/people"}
        assert {t.name: t.msgtype for t in reader.topics}["/people"] == PEOPLE_TYPE
        assert (reader.start_ns, reader.end_ns) == (1000, 1003)


@pytest.mark.parametrize("content", [None, b"", b"not a bag", b"\x89MCAP0\r\n" + bytes(50)])
def test_an_unreadable_bag_says_why(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bad.mcap"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BagError, match=r"bad\.mcap"), RawBagReader(path) as reader:
        list(reader.messages(["/people"]))


def test_an_unknown_type_can_not_be_recorded(tmp_path: Path) -> None:
    with RawBagWriter(tmp_path / "bag.mcap") as writer, pytest.raises(BagError, match="my_msgs/msg/Mine"):
        writer.add_topic(BagTopic("/mine", "my_msgs/msg/Mine", False))


def test_an_error_leaves_the_old_recording(tmp_path: Path) -> None:
    path = make_bag(tmp_path / "bag.mcap")
    before = path.read_bytes()

    def fail_half_way() -> None:
        with RawBagWriter(path) as writer:
            writer.add_topic(BagTopic("/people", PEOPLE_TYPE, False))
            writer.write(RawMessage("/people", 1, bytes(8)))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail_half_way()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["bag.mcap"]


def test_a_recording_needs_a_file_name(tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r"ends with \.mcap"):
        RawBagWriter(tmp_path / "folder")
