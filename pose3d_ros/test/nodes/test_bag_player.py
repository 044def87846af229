from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pose3d_msgs.msg import Person3DArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import deserialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage
from std_srvs.srv import SetBool

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
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


class Playing:
    """A player in a thread of its own, as it is a process of its own in use."""

    def __init__(self, graph: Any, path: Path, **parameters: object) -> None:
        self.player = BagPlayer(**graph.options(bag=str(path), **parameters))
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.player)
        self._end = threading.Event()
        self.count: int | None = None
        self._thread = threading.Thread(target=self._run, args=(path,))
        self._thread.start()

    def _spin(self, timeout_s: float) -> bool:
        self._executor.spin_once(timeout_sec=timeout_s)
        return not self._end.is_set()

    def _run(self, path: Path) -> None:
        with BagReader(path) as reader:
            self.count = self.player.play(reader, self._spin)

    def stop(self) -> None:
        self._end.set()
        self._thread.join()
        self._executor.shutdown()
        self.player.destroy_node()


def waits_for(graph: Any, *topics: str) -> str:
    return ",".join(f"{graph.namespace}/{topic}" for topic in topics)


def test_messages_are_published_as_they_were_recorded(graph: Any, bag: Path) -> None:
    images = graph.listen(CompressedImage, "image_raw/compressed", qos_profile_sensor_data)
    people = graph.listen(Person3DArray, "people")
    playing = Playing(graph, bag, wait_for=waits_for(graph, "image_raw/compressed", "people"), delay_s=0.5)
    graph.spin_until(lambda: len(people) == COUNT and len(images) == COUNT)
    playing.stop()
    assert playing.count == 2 * COUNT
    stamps_ns = [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in images]
    assert stamps_ns == [START_NS + i * STEP_NS for i in range(COUNT)]
    assert images[0].header.frame_id == "cam"
    with BagReader(bag) as reader:
        raw = [m.data for m in reader.serialized([f"{graph.namespace}/image_raw/compressed"])]
    assert images == [deserialize_message(data, CompressedImage) for data in raw]


def test_loop_restarts_the_bag_and_the_clock(graph: Any, bag: Path) -> None:
    clocks = graph.listen(Clock, "/clock", 100)
    people = graph.listen(Person3DArray, "people")
    playing = Playing(graph, bag, loop=True, clock_hz=100.0, wait_for=waits_for(graph, "people"), delay_s=0.5)
    graph.spin_until(lambda: len(people) > 2 * COUNT and bool(clocks))
    playing.stop()
    times_ns = [c.clock.sec * 10**9 + c.clock.nanosec for c in clocks]
    assert all(START_NS <= t <= START_NS + (COUNT - 1) * STEP_NS for t in times_ns)


def test_player_starts_paused_and_resumes(graph: Any, bag: Path) -> None:
    people = graph.listen(Person3DArray, "people")
    playing = Playing(graph, bag, start_paused=True, wait_for=waits_for(graph, "people"), rate=50.0)
    graph.spin_for(0.5)
    assert len(people) <= 1  # the first message is due at once
    assert graph.call(SetBool, "bag_player/pause", SetBool.Request(data=False)).message == "playing"
    graph.spin_until(lambda: playing.count is not None)
    playing.stop()


@pytest.mark.parametrize(
    ("topics", "known", "starts"), [(["people"], 1, False), (["elsewhere"] * 2, 1, False), (["elsewhere"] * 2, 2, True)]
)
def test_player_waits_for_subscribers(
    graph: Any, bag: Path, monkeypatch: pytest.MonkeyPatch, topics: list[str], known: int, starts: bool
) -> None:
    """Of its own topics until its publishers have found them; a topic named twice needs two."""
    monkeypatch.setattr(BagPlayer, "count_subscribers", lambda *_: known)  # the graph's, before a publisher's
    player = graph.add(BagPlayer(**graph.options(bag=str(bag), rate=100.0, wait_for=waits_for(graph, *topics))))
    polls = iter(range(200 if starts else 5))
    with BagReader(bag) as reader:
        played = player.play(reader, lambda _: next(polls, None) is not None)
    assert (played > 1) == starts


def test_only_the_chosen_topics_are_played(graph: Any, bag: Path) -> None:
    playing = Playing(graph, bag, topics=waits_for(graph, "people"), rate=100.0)
    graph.spin_until(lambda: playing.count is not None)
    playing.stop()
    assert playing.count == COUNT


def test_missing_topic_is_an_error_that_lists_the_topics_of_the_bag(graph: Any, bag: Path) -> None:
    player = graph.add(BagPlayer(**graph.options(bag=str(bag), topics="/nothing")))
    with BagReader(bag) as reader, pytest.raises(BagError, match="image_raw/compressed"):
        player.play(reader, lambda _: True)


def test_types_that_are_not_installed_are_left_out(graph: Any, tmp_path: Path) -> None:
    from rosbags.rosbag2 import StoragePlugin, Writer

    with Writer(tmp_path / "strange", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        writer.add_connection("/strange", "strange_msgs/msg/Strange", msgdef="int32 x", rihs01="RIHS01_0")
    player = graph.add(BagPlayer(**graph.options(bag=str(tmp_path / "strange"))))
    with BagReader(tmp_path / "strange") as reader, pytest.raises(BagError, match="strange_msgs/msg/Strange"):
        player.play(reader, lambda _: True)


@pytest.mark.parametrize(("name", "value"), [("rate", -1.0), ("rate", "fast"), ("speed", 2.0)])
def test_wrong_parameters_of_the_player_are_errors(graph: Any, name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=name):
        BagPlayer(**graph.options(**{name: value}))
