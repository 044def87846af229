"""The storage of every release of rosbag2, and what is no message of ROS 2."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.message_types import PEOPLE_TYPE, pose3d_typestore
from pose3d_ros.errors import BagError

from ..conftest import GROUND_TRUTH, IMAGES, Scene
from .test_decompression import chunked, records_of

_TOPICS = {
    1: "id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT",
    2: "id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT, offered_qos_profiles TEXT",
    4: "id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT, offered_qos_profiles TEXT, "
    "type_description_hash TEXT",
}
_QOS = """- history: 3
  depth: 0
  reliability: 1
  durability: {durability}
  deadline: {{sec: 9223372036, nsec: 854775807}}
  lifespan: {{sec: 9223372036, nsec: 854775807}}
  liveliness: 1
  liveliness_lease_duration: {{sec: 9223372036, nsec: 854775807}}
  avoid_ros_namespace_conventions: false"""


def sqlite_bag(source: Path, path: Path, schema: int) -> Path:
    """A bag as rosbag2 stores it: schema 1 in Foxy, 2 in Galactic, 3 in Humble, 4 from Iron to Kilted."""
    columns = _TOPICS[max(key for key in _TOPICS if key <= schema)]
    with BagReader(source) as reader, sqlite3.connect(path) as database:
        database.execute(f"CREATE TABLE topics({columns})")
        database.execute("CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INT, timestamp INT, data BLOB)")
        if schema >= 3:
            database.execute("CREATE TABLE schema(schema_version INTEGER PRIMARY KEY, ros_distro TEXT NOT NULL)")
            database.execute("INSERT INTO schema VALUES(?, 'humble')", (schema,))
            database.execute("CREATE TABLE metadata(id INTEGER PRIMARY KEY, metadata_version INTEGER, metadata TEXT)")
        if schema >= 4:
            database.execute(
                "CREATE TABLE message_definitions(id INTEGER PRIMARY KEY, topic_type TEXT, encoding TEXT, "
                "encoded_message_definition TEXT, type_description_hash TEXT)"
            )
        for number, topic in enumerate(reader.topics.values(), 1):
            row = [number, topic.name, topic.msgtype, "cdr", _QOS.format(durability=1 + (topic.name == IMAGES)), ""]
            row = row[: columns.count("INTEGER") + columns.count("TEXT")]
            database.execute(f"INSERT INTO topics VALUES({', '.join('?' * len(row))})", row)
            for message in reader.serialized((topic.name,)):
                values = (number, message.received_ns, message.data)
                database.execute("INSERT INTO messages(topic_id, timestamp, data) VALUES(?, ?, ?)", values)
    return path


@pytest.mark.parametrize("schema", [1, 2, 3, 4])
def test_sqlite_bags_of_all_releases_are_read(schema: int, scene: Scene, tmp_path: Path) -> None:
    path = sqlite_bag(scene.write(tmp_path / "source.mcap", frames=3), tmp_path / "bag_0.db3", schema)
    with BagReader(path) as reader:
        assert [image.stamp_ns for image in reader.images()] == list(scene.stamps_ns[:3])
        assert next(reader.cameras()).camera.fx_px == pytest.approx(scene.camera.fx_px)
        assert [len(message.people) for message in reader.people()] == [3, 3, 3]
        assert reader.topics[GROUND_TRUTH].count == 3
        assert not reader.topics[IMAGES].latched
        assert reader.topics[GROUND_TRUTH].latched is (schema >= 2)


def test_definition_that_can_not_be_read_does_not_matter_for_other_topics(scene: Scene, tmp_path: Path) -> None:
    path = sqlite_bag(scene.write(tmp_path / "source.mcap", frames=1), tmp_path / "bag.db3", 4)
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO topics VALUES(9, '/odd', 'odd_msgs/msg/Odd', 'cdr', '', '')")
        definitions = (
            ("odd_msgs/msg/Odd", "this is no definition"),
            (PEOPLE_TYPE, _with_parts(PEOPLE_TYPE)),
        )
        for number, (name, text) in enumerate(definitions):
            row = (number, name, "ros2msg", text, "")
            database.execute("INSERT INTO message_definitions VALUES(?, ?, ?, ?, ?)", row)
    with BagReader(path) as reader:
        assert len(list(reader.images())) == len(list(reader.people())) == 1


def _with_parts(msgtype: str) -> str:
    """A definition with those that it needs behind it, as rosbag2 stores it."""
    return str(pose3d_typestore().generate_msgdef(msgtype, ros_version=2)[0])


@pytest.mark.parametrize("data", [b"\x04\x22\x4d\x18" + bytes(20), b"{}", b""], ids=["lz4", "json", "empty"])
def test_what_is_no_cdr_is_never_given_out(data: bytes, scene: Scene, tmp_path: Path) -> None:
    path = sqlite_bag(scene.write(tmp_path / "source.mcap", frames=1), tmp_path / "bag.db3", 3)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE messages SET data = ?", (data,))
    with BagReader(path) as reader, pytest.raises(BagError, match=r"expected messages as they were published \(CDR\)"):
        list(reader.serialized(reader.topics))


@pytest.mark.parametrize("name", ["what?.db3", "a%41.db3", "a#b.db3", "a b.db3"])
def test_databases_of_any_name_are_read(name: str, scene: Scene, tmp_path: Path) -> None:
    path = sqlite_bag(scene.write(tmp_path / "source.mcap", frames=1), tmp_path / name, 3)
    with BagReader(path) as reader:
        assert len(list(reader.images())) == 1


def test_channels_of_other_schemas_do_not_end_the_reading(tmp_path: Path) -> None:
    records = records_of(b"\0\1\0\0" + bytes(20)) + records_of(b"{}", 2, "/json", "json", "jsonschema")
    (tmp_path / "a.mcap").write_bytes(chunked(bytes, b"", records, len(records)))
    with BagReader(tmp_path / "a.mcap") as reader:
        assert [message.topic for message in reader.serialized(("/people", "/json"))] == ["/people"]
        assert reader.problems == ("left out, as their messages are no CDR: /json",)


def test_topics_of_other_encodings_are_left_out_and_named(scene: Scene, tmp_path: Path) -> None:
    path = sqlite_bag(scene.write(tmp_path / "source.mcap", frames=1), tmp_path / "bag.db3", 3)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE topics SET serialization_format = 'json' WHERE name = ?", (GROUND_TRUTH,))
    with BagReader(path) as reader:
        assert GROUND_TRUTH not in reader.topics
        assert list(reader.serialized((GROUND_TRUTH,))) == []
        assert reader.problems == (f"left out, as their messages are no CDR: {GROUND_TRUTH}",)
