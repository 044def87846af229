from __future__ import annotations

import time
from array import array
from pathlib import Path
from typing import Any

import pytest
from pose3d_msgs.msg import Person3DArray
from sensor_msgs.msg import Image

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.errors import ConfigError, OutputError
from pose3d_ros.nodes.recorder import Recorder
from pose3d_ros.nodes.topics import image_qos, latched_qos

from ..conftest import FileLimit


def test_recorded_messages_are_read_back(graph: Any, tmp_path: Path) -> None:
    path = tmp_path / "out/people.mcap"
    with BagWriter(path) as writer:
        recorder = graph.add(Recorder(**graph.options(bag=str(path), topics="people,image_raw/compressed")))
        recorder.record(writer)
        send = graph.publish(Person3DArray, "people")
        before_ns = time.time_ns()
        for seconds in (1, 2):
            message = Person3DArray(skeleton="muco21")
            message.header.stamp.sec = seconds
            send(message)
            graph.spin_until(lambda seconds=seconds: recorder.count == seconds)
    with BagReader(path) as reader:
        assert {t.name: t.msgtype for t in reader.topics.values()} == {
            f"{graph.namespace}/people": "pose3d_msgs/msg/Person3DArray"
        }
        people = list(reader.people())
    assert [p.stamp_ns for p in people] == [1_000_000_000, 2_000_000_000]
    assert before_ns <= people[0].received_ns <= people[1].received_ns <= time.time_ns()


def test_recorder_receives_from_best_effort_and_latched_publishers(graph: Any, tmp_path: Path) -> None:
    graph.node.create_publisher(Person3DArray, "once", latched_qos()).publish(Person3DArray(skeleton="muco21"))
    send = graph.publish(Person3DArray, "often", image_qos("best_effort", 1))
    with BagWriter(tmp_path / "bag.mcap") as writer:
        recorder = graph.add(Recorder(**graph.options(bag="unused", topics="once often")))
        recorder.record(writer)
        graph.spin_until(lambda: recorder.count == 1)
        send(Person3DArray(skeleton="muco21"))
        graph.spin_until(lambda: recorder.count == 2)


def test_recorder_receives_from_a_best_effort_publisher_that_comes_later(graph: Any, tmp_path: Path) -> None:
    send = graph.publish(Person3DArray, "people", image_qos("reliable", 1))
    with BagWriter(tmp_path / "bag.mcap") as writer:
        recorder = graph.add(Recorder(**graph.options(bag="unused", topics="people")))
        recorder.record(writer)
        send(Person3DArray(skeleton="muco21"))
        graph.spin_until(lambda: recorder.count == 1)
        graph.publish(Person3DArray, "people", image_qos("best_effort", 1))(Person3DArray(skeleton="muco21"))
        graph.spin_until(lambda: recorder.count == 2)


def test_recorder_without_topics_is_an_error(graph: Any) -> None:
    with pytest.raises(ConfigError, match="topics"):
        Recorder(**graph.options())


def test_recording_can_be_read_up_to_the_last_second(graph: Any, tmp_path: Path) -> None:
    path = tmp_path / "people.mcap"
    with BagWriter(path, live=True) as writer:
        recorder = graph.add(Recorder(**graph.options(bag=str(path), topics="people")))
        recorder.record(writer)
        send = graph.publish(Person3DArray, "people")
        send(Person3DArray(skeleton="muco21"))
        graph.spin_until(lambda: recorder.count == 1)

        def is_in_the_file() -> bool:
            with BagReader(path) as reader:
                return sum(1 for _ in reader.serialized(reader.topics)) == 1

        graph.spin_until(is_in_the_file)


def test_recorder_without_room_ends_and_keeps_what_it_has(graph: Any, tmp_path: Path, file_limit: FileLimit) -> None:
    path = tmp_path / "image.mcap"
    message = Image(height=100, width=1000, encoding="bgr8", step=3000, data=array("B", bytes(300_000)))

    def record(recorder: Recorder) -> None:
        with BagWriter(path, live=True) as writer:
            recorder.record(writer)
            send = graph.publish(Image, "image", image_qos("reliable", 5))
            while recorder.count < 20:
                send(message)
                graph.spin_once(0.01)

    recorder = graph.add(Recorder(**graph.options(bag=str(path), topics="image")))
    with file_limit(3_000_000), pytest.raises(OutputError, match="It ends after"):
        record(recorder)
    with BagReader(path) as reader:
        assert 4 <= sum(1 for _ in reader.serialized(reader.topics)) <= 9
