"""People that a pose_node hands to the smoother_node of its process are those that it publishes."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

from pose3d_msgs.msg import Person3DArray
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image

from pose3d_ros.nodes.local_topics import LinkedSubscription, LocalTopics
from pose3d_ros.nodes.pose_node import PoseNode
from pose3d_ros.nodes.smoother_node import SmootherNode
from pose3d_ros.pipeline import open_smoother

from .conftest import frames_of
from .rigs.pose_rig import gray_image, header


def test_every_reader_gets_the_message_itself_until_it_closes() -> None:
    topics = LocalTopics()
    writer, other = topics.writer("/people"), topics.writer("/other")
    first: list[object] = []
    second: list[object] = []
    reader = topics.reader("/people", first.append)
    topics.reader("/people", second.append)
    message = object()
    writer.hand_over(message)
    other.hand_over(object())
    reader.close()
    writer.hand_over(message)
    assert (writer.has_readers, other.has_readers) == (True, False)
    assert (first, second) == ([message], [message, message])


def test_link_follows_the_writer() -> None:
    topics, made, got = LocalTopics(), list[Mock](), list[object]()

    def subscribe() -> Any:
        made.append(Mock(lost=4))
        return made[-1]

    link = LinkedSubscription(topics, "/people", got.append, subscribe)
    assert (link.in_memory, link.lost, len(made)) == (False, 4, 1)
    link.refit()
    made[0].refit.assert_called_once()
    writer = topics.writer("/people")
    link.refit()
    made[0].close.assert_called_once()
    assert (link.in_memory, link.lost, link.unfitting()) == (True, 0, False)
    writer.hand_over("people")
    writer.close()
    link.refit()
    assert (link.in_memory, len(made)) == (False, 2)
    writer.hand_over("late")
    link.close()
    made[1].close.assert_called_once()
    assert got == ["people"]


def as_received(message: Person3DArray) -> str:
    """As others get it, in the precision of its fields; in words, since a NaN is not equal to itself."""
    return str(deserialize_message(serialize_message(message), Person3DArray))


class Pair:
    """A pose node and a smoother node of one process."""

    def __init__(self, graph: Any, pipeline: Any) -> None:
        self.graph, local = graph, LocalTopics()
        self.handed: list[str] = []
        options = graph.options(id_tag="test", fallback_hfov_deg=90.0)
        self.pose = graph.add(PoseNode(opener=lambda _: pipeline, local=local, **options))
        self.smoother = graph.add(SmootherNode(opener=open_smoother, local=local, **graph.options()))
        self.listener = local.reader(
            f"{graph.namespace}/people", lambda message: self.handed.append(as_received(message))
        )
        for node in (self.pose, self.smoother):
            node.autostart()
        self.smoothed = graph.listen(Person3DArray, "people_smoothed")

    @property
    def way(self) -> str:
        return str(self.smoother.work.values()["people come by"]) if self.smoother.work is not None else ""

    def until_way(self, way: str) -> None:
        self.graph.spin_until(lambda: self.way == way)


def test_smoother_gets_people_in_memory_and_others_the_same_by_dds(graph: Any, pipeline: Any) -> None:
    pair = Pair(graph, pipeline)
    topic = f"{graph.namespace}/people"
    send = graph.publish(Image, "image_raw")
    send(gray_image(3))
    graph.spin_until(lambda: len(pair.smoothed) == 1)
    assert pair.way == "memory"
    assert graph.node.count_subscribers(topic) == 0
    published = graph.listen(Person3DArray, "people")
    graph.spin_until(lambda: pair.pose.count_subscribers(topic) == 1)
    send(gray_image(4))
    graph.spin_until(lambda: len(pair.smoothed) == 2 and len(published) == 1)
    assert str(published[0]) == pair.handed[-1]
    assert len(pair.handed) == 2
    assert pair.smoothed[1].header == header(4)
    assert [person.id for person in pair.smoothed[1].people] == ["ptest_1"]


def test_smoother_without_the_pose_node_reads_what_others_publish(graph: Any, pipeline: Any) -> None:
    pair = Pair(graph, pipeline)
    pair.until_way("memory")
    pair.pose.trigger_deactivate()
    pair.pose.trigger_cleanup()
    pair.until_way("DDS")
    message = Person3DArray(header=header(9), skeleton="muco21")
    graph.publish(Person3DArray, "people")(message)
    graph.spin_until(lambda: any(one.header == header(9) for one in pair.smoothed))
    pair.pose.autostart()
    pair.until_way("memory")
    graph.publish(Image, "image_raw")(gray_image(10))
    graph.spin_until(lambda: any(one.header == header(10) for one in pair.smoothed))


def test_pose_node_works_only_while_the_smoother_of_its_process_does(graph: Any, pipeline: Any) -> None:
    pair = Pair(graph, pipeline)
    pair.listener.close()
    graph.spin_until(lambda: graph.node.count_subscribers(f"{graph.namespace}/image_raw") == 1)
    pair.smoother.trigger_deactivate()
    graph.spin_until(lambda: graph.node.count_subscribers(f"{graph.namespace}/image_raw") == 0)
    assert not frames_of(pipeline)
