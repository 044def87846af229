"""TF: people in another frame and as frames, with a stand-in for tf2_ros, which the wheels lack."""

from __future__ import annotations

import sys
from typing import Any
from unittest.mock import Mock

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


@pytest.fixture
def tf2_ros(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Stands in for tf2_ros, which is not among the wheels, and knows no transform."""
    made = Mock(TransformException=UnknownTransform)
    made.Buffer.return_value.lookup_transform.side_effect = UnknownTransform("base_link")
    monkeypatch.setitem(sys.modules, "tf2_ros", made)
    return made


def publish(graph: Any, config: OutputConfig) -> tuple[Person3DArray, list[tuple[Level, str]]]:
    """One person 3 m ahead, 0.5 m to the right, published with that configuration; the message and the log."""
    logged: list[tuple[Level, str]] = []
    board = ProblemBoard(lambda level, text: logged.append((level, text)), lambda: 0.0)
    output = PeopleOutput(graph.node, "", config, board)
    heard = graph.listen(Person3DArray, "people")
    graph.spin_until(output.has_subscribers)
    header = Header(frame_id="optical")
    header.stamp.sec = 5
    for _ in range(2):
        output.publish(header, [make_person(x_m=0.5)], INFO)
    graph.spin_until(lambda: len(heard) == 2)
    output.close()
    return heard[-1], logged


def test_people_are_published_in_the_target_frame(graph: Any, tf2_ros: Mock) -> None:
    known = TransformStamped()
    known.transform.translation.z = 1.5  # REP 103: a camera above its robot's origin that looks ahead
    turn = known.transform.rotation
    turn.x, turn.y, turn.z, turn.w = -0.5, 0.5, -0.5, 0.5
    lookup = tf2_ros.Buffer.return_value.lookup_transform
    lookup.side_effect = [known, known]
    message, logged = publish(graph, OutputConfig(target_frame="base_link"))
    assert message.header.frame_id == "base_link"
    assert message.header.stamp.sec == 5
    root = message.people[0].root  # (0.5, 1.4, 3) in the optical frame
    assert (root.x, root.y, root.z) == pytest.approx((3.0, -0.5, 1.5 - 1.4))
    target, source, time, *_ = lookup.call_args.args
    assert (target, source, time.nanoseconds) == ("base_link", "optical", 5_000_000_000)
    assert not logged


def test_unknown_target_frame_keeps_the_camera_frame(graph: Any, tf2_ros: Mock) -> None:
    message, logged = publish(graph, OutputConfig(target_frame="base_link"))
    assert message.header.frame_id == "optical"
    assert message.people[0].root.z == 3.0
    assert [level for level, _ in logged] == [Level.WARN]
    assert "base_link" in logged[0][1]


def test_root_of_each_person_is_broadcast_as_a_frame(graph: Any, tf2_ros: Mock) -> None:
    publish(graph, OutputConfig(publish_tf=True))
    ((transform,),) = tf2_ros.TransformBroadcaster.return_value.sendTransform.call_args.args
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
