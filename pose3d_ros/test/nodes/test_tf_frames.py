"""TF: people in another frame and as frames, with a stand-in for tf2_ros, which the wheels lack."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from geometry_msgs.msg import TransformStamped
from pose3d_msgs.msg import Person3DArray
from std_msgs.msg import Header

from pose3d_ros.config.settings import OutputConfig
from pose3d_ros.nodes.conversion import PeopleInfo
from pose3d_ros.nodes.output import PeopleOutput
from pose3d_ros.nodes.problems import Level, ProblemBoard
from pose3d_ros.skeletons import get_skeleton

from .conftest import make_person

INFO = PeopleInfo(get_skeleton("muco21"), "engine", True, 0.0)


class UnknownTransform(Exception):
    """As tf2_ros.TransformException."""


class Tf:
    """Stands in for tf2_ros: what TF knows, was asked for and was sent."""

    def __init__(self) -> None:
        self.transforms: dict[tuple[str, str], TransformStamped] = {}
        self.asked: list[tuple[str, str, int]] = []
        self.sent: list[TransformStamped] = []

    def lookup_transform(self, target: str, source: str, time: Any, timeout: Any) -> TransformStamped:
        self.asked.append((target, source, time.nanoseconds))
        if (target, source) not in self.transforms:
            raise UnknownTransform(target)
        return self.transforms[target, source]


@pytest.fixture
def tf(monkeypatch: pytest.MonkeyPatch) -> Tf:
    made, module = Tf(), ModuleType("tf2_ros")
    members = {
        "Buffer": lambda node: made,
        "TransformListener": lambda buffer, node: SimpleNamespace(unregister=lambda: None),
        "TransformBroadcaster": lambda node: SimpleNamespace(sendTransform=made.sent.extend),
        "TransformException": UnknownTransform,
    }
    vars(module).update(members)
    monkeypatch.setitem(sys.modules, "tf2_ros", module)
    return made


def publish(graph: Any, config: OutputConfig) -> tuple[Person3DArray, list[tuple[Level, str]]]:
    """One person 3 m ahead, 0.5 m to the right, published with that configuration; the message and the log."""
    logged: list[tuple[Level, str]] = []
    board = ProblemBoard(lambda level, text: logged.append((level, text)), lambda: 0.0)
    output = PeopleOutput(graph.node, "", config, board)
    heard = graph.listen(Person3DArray, "people")
    graph.spin_until(
        lambda: graph.node.count_subscribers(f"{graph.namespace}/people") == 1 and output.has_subscribers()
    )
    header = Header(frame_id="optical")
    header.stamp.sec = 5
    for _ in range(2):
        output.publish(header, [make_person(x_m=0.5)], INFO)
    graph.spin_until(lambda: len(heard) == 2)
    output.close()
    return heard[-1], logged


def test_people_are_published_in_the_target_frame(graph: Any, tf: Tf) -> None:
    tf.transforms["base_link", "optical"] = known = TransformStamped()
    known.transform.translation.z = 1.5  # REP 103: a camera above its robot's origin that looks ahead
    turn = known.transform.rotation
    turn.x, turn.y, turn.z, turn.w = -0.5, 0.5, -0.5, 0.5
    message, logged = publish(graph, OutputConfig(target_frame="base_link"))
    assert message.header.frame_id == "base_link"
    assert message.header.stamp.sec == 5
    root = message.people[0].root  # (0.5, 1.4, 3) in the optical frame
    assert (root.x, root.y, root.z) == pytest.approx((3.0, -0.5, 1.5 - 1.4))
    assert tf.asked[0] == ("base_link", "optical", 5_000_000_000)
    assert not logged


def test_unknown_target_frame_keeps_the_camera_frame(graph: Any, tf: Tf) -> None:
    message, logged = publish(graph, OutputConfig(target_frame="base_link"))
    assert message.header.frame_id == "optical"
    assert message.people[0].root.z == 3.0
    assert [level for level, _ in logged] == [Level.WARN]
    assert "base_link" in logged[0][1]


def test_root_of_each_person_is_broadcast_as_a_frame(graph: Any, tf: Tf) -> None:
    publish(graph, OutputConfig(publish_tf=True))
    transform = tf.sent[-1]
    assert (transform.header.frame_id, transform.child_frame_id) == ("optical", "person_1")
    assert transform.header.stamp.sec == 5
    move, turn = transform.transform.translation, transform.transform.rotation
    assert (move.x, move.y, move.z, turn.w) == (0.5, 1.4, 3.0, 1.0)


def test_missing_tf2_ros_keeps_the_camera_frame_with_one_warning(graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)
    message, logged = publish(graph, OutputConfig(target_frame="base_link"))
    assert message.header.frame_id == "optical"
    assert len(logged) == 1
    assert "tf2_ros" in logged[0][1]
