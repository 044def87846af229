from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pose3d_msgs.msg import Person3DArray
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import deserialize_message, serialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage
from std_srvs.srv import SetBool

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.message_types import pose3d_typestore
from pose3d_ros.errors import BagError, ConfigError
from pose3d_ros.nodes.bag_player import BagPlayer
from pose3d_ros.skeletons import get_skeleton

COUNT = 5
START_NS = 20_000_000_000
STEP_NS = 10_000_000


@pytest.fixture
def bag(tmp_path: Path, graph: Any) -> Path:
    """Five images and five empty lists of people, 10 ms apart, on topics of the graph's namespace."""
    path = tmp_path / "bag.mcap"
    with BagWriter(path) as writer:
        for i in range(COUNT):
            stamp_ns = START_NS + i * STEP_NS
            image = np.full((8, 8, 3), 10 * i, np.uint8)
            writer.write_image(f"{graph.namespace}/image_raw/compressed", stamp_ns, "cam", image)
            writer.write_people(f"{graph.namespace}/people", stamp_ns, "cam", (), get_skeleton("muco21"))
    return path


def play(graph: Any, path: Path, until: Callable[[], bool] = lambda: False, **parameters: object) -> int:
    """Play a bag until its end or a condition, and spin the graph meanwhile; how many messages were played."""
    player = graph.add(BagPlayer(**graph.options(bag=str(path), **parameters)))

    def spin(timeout_s: float) -> bool:
        graph.spin_once(timeout_s)
        return not until()

    with BagReader(path) as reader:
        return int(player.play(reader, spin))


def waits_for(graph: Any, *topics: str) -> str:
    return ",".join(f"{graph.namespace}/{topic}" for topic in topics)


def test_messages_are_published_as_they_were_recorded(graph: Any, bag: Path) -> None:
    images = graph.listen(CompressedImage, "image_raw/compressed", qos_profile_sensor_data)
    people = graph.listen(Person3DArray, "people")
    waited_for = waits_for(graph, "image_raw/compressed", "people")
    assert play(graph, bag, wait_for=waited_for, delay_s=0.5) == 2 * COUNT
    graph.spin_until(lambda: len(people) == len(images) == COUNT)
    stamps_ns = [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in images]
    assert stamps_ns == [START_NS + i * STEP_NS for i in range(COUNT)]
    assert images[0].header.frame_id == "cam"
    with BagReader(bag) as reader:
        raw = [m.data for m in reader.serialized([f"{graph.namespace}/image_raw/compressed"])]
    assert images == [deserialize_message(data, CompressedImage) for data in raw]


def test_loop_restarts_the_bag_and_the_clock(graph: Any, bag: Path) -> None:
    clocks = graph.listen(Clock, "/clock", 100)
    people = graph.listen(Person3DArray, "people")
    options = {"loop": True, "clock_hz": 100.0, "wait_for": waits_for(graph, "people"), "delay_s": 0.5}
    play(graph, bag, lambda: len(people) > 2 * COUNT and bool(clocks), **options)
    times_ns = [c.clock.sec * 10**9 + c.clock.nanosec for c in clocks]
    assert all(START_NS <= t <= START_NS + (COUNT - 1) * STEP_NS for t in times_ns)


def test_player_starts_paused_and_resumes(graph: Any, bag: Path) -> None:
    people = graph.listen(Person3DArray, "people")
    client = graph.node.create_client(SetBool, "bag_player/pause")
    responses: list[Any] = []
    resume_s = time.monotonic() + 0.5

    def resume_after_a_while() -> bool:
        if not responses and client.service_is_ready() and time.monotonic() > resume_s:
            assert len(people) <= 1  # the first message is due at once
            responses.append(client.call_async(SetBool.Request(data=False)))
        return False

    play(graph, bag, resume_after_a_while, start_paused=True, wait_for=waits_for(graph, "people"), rate=50.0)
    assert responses[0].result().message == "playing"


@pytest.mark.parametrize(
    ("topics", "known", "starts"), [(["people"], 1, False), (["elsewhere"] * 2, 1, False), (["elsewhere"] * 2, 2, True)]
)
def test_player_waits_for_subscribers(
    graph: Any, bag: Path, monkeypatch: pytest.MonkeyPatch, topics: list[str], known: int, starts: bool
) -> None:
    """Of its own topics until its publishers have found them; a topic named twice needs two."""
    monkeypatch.setattr(BagPlayer, "count_subscribers", lambda *_: known)  # the graph's, before a publisher's
    polls = iter(range(200 if starts else 5))
    played = play(graph, bag, lambda: next(polls, None) is None, rate=100.0, wait_for=waits_for(graph, *topics))
    assert (played > 1) == starts


def test_only_the_chosen_topics_are_played(graph: Any, bag: Path) -> None:
    assert play(graph, bag, topics=waits_for(graph, "people"), rate=100.0) == COUNT


def test_compressed_messages_are_published_as_they_were_sent(graph: Any, bag: Path, tmp_path: Path) -> None:
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

    writer = Writer(tmp_path / "packed", version=8, storage_plugin=StoragePlugin.SQLITE3)
    writer.set_compression(CompressionMode.MESSAGE, CompressionFormat.ZSTD)
    name = f"{graph.namespace}/image_raw/compressed"
    with BagReader(bag) as reader, writer:
        connection = writer.add_connection(name, "sensor_msgs/msg/CompressedImage", typestore=pose3d_typestore())
        sent = [message.data for message in reader.serialized((name,))]
        for number, data in enumerate(sent):
            writer.write(connection, START_NS + number * STEP_NS, data)
    images = graph.listen(CompressedImage, "image_raw/compressed", qos_profile_sensor_data)
    for path in (tmp_path / "packed", tmp_path / "packed/packed.db3"):
        assert play(graph, path, wait_for=waits_for(graph, "image_raw/compressed")) == COUNT
        graph.spin_until(lambda: len(images) >= COUNT)
        assert [serialize_message(image) for image in images] == sent
        images.clear()


def test_missing_topic_is_an_error_that_lists_the_topics_of_the_bag(graph: Any, bag: Path) -> None:
    with pytest.raises(BagError, match="image_raw/compressed"):
        play(graph, bag, topics="/nothing")


def test_types_that_are_not_installed_are_left_out(graph: Any, tmp_path: Path) -> None:
    from rosbags.rosbag2 import StoragePlugin, Writer

    with Writer(tmp_path / "strange", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        writer.add_connection("/strange", "strange_msgs/msg/Strange", msgdef="int32 x", rihs01="RIHS01_0")
    with pytest.raises(BagError, match="strange_msgs/msg/Strange"):
        play(graph, tmp_path / "strange")


@pytest.mark.parametrize(("name", "value"), [("rate", -1.0), ("rate", "fast"), ("speed", 2.0)])
def test_wrong_parameters_of_the_player_are_errors(graph: Any, name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=name):
        BagPlayer(**graph.options(**{name: value}))
