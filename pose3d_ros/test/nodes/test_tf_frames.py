"""TF: people in another frame and as frames, with the real tf2_ros or, where the wheels lack it, a stand-in."""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from pose3d_msgs.msg import Person3DArray
from rclpy.time import Time
from std_msgs.msg import Header

from pose3d_ros.config.output_settings import OutputConfig
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.nodes.conversion import PeopleInfo, Published
from pose3d_ros.nodes.output import PeopleOutput
from pose3d_ros.nodes.problems import Level, ProblemBoard
from pose3d_ros.nodes.tf_frames import Missing, person_transforms
from pose3d_ros.records import TrackState
from pose3d_ros.skeletons import get_skeleton

from .conftest import make_person

INFO = PeopleInfo(get_skeleton("muco21"), "engine", True, 0.0)


class UnknownTransform(Exception):
    """As tf2_ros.TransformException."""


class Buffer:
    """As tf2_ros.Buffer, of one pair of frames that are apart along x only."""

    def __init__(self, node: Any = None) -> None:
        self._known: list[TransformStamped] = []

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Keep a transform."""
        self._known.append(transform)

    def lookup_transform(self, target: str, source: str, when: Time) -> TransformStamped:
        """Interpolated between the transforms around that time; the latest for time 0."""
        known = {_ns(t): t.transform.translation.x for t in self._known if t.header.frame_id == target}
        stamps = sorted(known)
        if not stamps or source != self._known[0].child_frame_id:
            raise UnknownTransform("not connected")
        wanted = when.nanoseconds or stamps[-1]
        if not stamps[0] <= wanted <= stamps[-1]:
            raise UnknownTransform("extrapolation")
        made = TransformStamped()
        made.header.stamp = Time(nanoseconds=wanted).to_msg()
        made.transform.translation.x = float(np.interp(wanted, stamps, [known[stamp] for stamp in stamps]))
        return made

    def clear(self) -> None:
        """Drop all transforms."""
        self._known = []


def _ns(message: TransformStamped) -> int:
    return int(Time.from_msg(message.header.stamp).nanoseconds)


@pytest.fixture
def tf2_ros(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The real one where it is installed, which it is not from wheels; else a stand-in."""
    try:
        return importlib.import_module("tf2_ros")
    except ImportError:
        made = Mock(TransformException=UnknownTransform, Buffer=Buffer)
        monkeypatch.setitem(sys.modules, "tf2_ros", made)
        return made


class Robot:
    """Publishes people of images while a robot drives along x at 1 m/s, its transforms at a rate and with a delay."""

    def __init__(self, graph: Any, **config: Any) -> None:
        self.graph = graph
        self.logged: list[str] = []
        self.board = ProblemBoard(lambda level, text: self.logged.append(text), time.monotonic)
        self.output = PeopleOutput(graph.node, "", OutputConfig(target_frame="odom", **config), self.board)
        self.heard: list[Person3DArray] = graph.listen(Person3DArray, "people", 100)
        graph.spin_until(self.output.has_subscribers)
        assert self.output._frames is not None
        self.buffer = self.output._frames._buffer
        self.start_s = time.time()

    def know(self, seconds: float) -> None:
        """TF comes to know where the camera was that many seconds after the start."""
        known = TransformStamped(child_frame_id="optical")
        known.header.frame_id = "odom"
        known.header.stamp = Time(nanoseconds=round((self.start_s + seconds) * 1e9)).to_msg()
        known.transform.translation.x, known.transform.rotation.w = seconds, 1.0
        self.buffer.set_transform(known, "test")

    def see(self, seconds: float) -> None:
        """An image of that time has its people."""
        header = Header(frame_id="optical", stamp=Time(nanoseconds=round((self.start_s + seconds) * 1e9)).to_msg())
        self.output.publish(header, [make_person(x_m=0.5)], INFO)

    def drive(self, images: int, image_hz: float, tf_hz: float, delay_s: float) -> None:
        """Images and transforms in the order in which they come, in real time."""
        end_s = images / image_hz + delay_s + 2 / tf_hz
        events = [(i / image_hz, self.see, i / image_hz) for i in range(images)]
        events += [(i / tf_hz + delay_s, self.know, i / tf_hz) for i in range(-1, int(end_s * tf_hz))]
        begin_s = time.monotonic()
        for due_s, act, seconds in sorted(events, key=lambda event: event[0]):
            while time.monotonic() < begin_s + due_s:
                self.graph.spin_once(0.001)
            act(seconds)

    @property
    def frame_ids(self) -> set[str]:
        """Of all messages so far."""
        return {message.header.frame_id for message in self.heard}

    @property
    def stamps_s(self) -> list[float]:
        """Of the messages so far, from the start on."""
        return [m.header.stamp.sec + m.header.stamp.nanosec * 1e-9 - self.start_s for m in self.heard]


@pytest.fixture
def robot(graph: Any, tf2_ros: Any) -> Iterator[Callable[..., Robot]]:
    made: list[Robot] = []

    def make(**config: Any) -> Robot:
        made.append(Robot(graph, **config))
        return made[-1]

    yield make
    for each in made:
        each.output.close()


@pytest.mark.parametrize(("tf_hz", "delay_s"), [(10, 0.0), (20, 0.0), (20, 0.2), (50, 0.05), (200, 0.0), (5, 0.3)])
def test_no_message_flips_at_any_rate_and_delay_of_tf(
    robot: Callable[..., Robot], tf_hz: float, delay_s: float
) -> None:
    driven = robot(tf_timeout_s=5.0)
    driven.drive(60, 100.0, tf_hz, delay_s)
    driven.graph.spin_until(lambda: len(driven.heard) == 60)
    assert driven.frame_ids == {"odom"}
    assert driven.stamps_s == pytest.approx([i / 100 for i in range(60)], abs=1e-5)  # in order
    places_m = [message.people[0].root.x for message in driven.heard]
    assert places_m == pytest.approx([0.5 + stamp_s for stamp_s in driven.stamps_s], abs=1e-5)  # at the image's time
    assert all(message.latency_ms > 0 for message in driven.heard)
    assert not driven.logged


@pytest.mark.slow
def test_no_message_of_600_flips(robot: Callable[..., Robot], record_promise: Any) -> None:
    heard: list[Any] = []
    for tf_hz, delay_s in ((20, 0.1), (20, 0.3), (10, 0.0), (50, 0.02), (5, 0.2)) * 2:
        driven = robot(tf_timeout_s=10.0)
        driven.drive(60, 30.0, tf_hz, delay_s)
        driven.graph.spin_for(1.0)
        heard += driven.heard
    flipped = sum(message.header.frame_id != "odom" for message in heard)
    promise = "people come in target_frame, in no other, with TF at 5 to 50 Hz that is up to 0.3 s late"
    record_promise("TF", promise, f"{flipped} of {len(heard)} in another frame", flipped == 0 and len(heard) >= 500)


@pytest.mark.parametrize(
    ("policy", "frame_ids", "done"),
    [
        ("drop", set(), "dropped"),
        ("latest", {"odom"}, "placed by the latest transform"),
        ("camera_frame", {"optical"}, "published in the camera's frame"),
    ],
)
def test_who_waited_in_vain_is_dealt_with_as_configured_and_counted(
    robot: Callable[..., Robot], policy: str, frame_ids: set[str], done: str
) -> None:
    driven = robot(tf_timeout_s=0.05, tf_on_timeout=policy)
    driven.know(-0.5)
    for number in range(20):
        driven.see(number / 100)
    driven.graph.spin_until(lambda: driven.board.counts() == {f"target_frame: {done}": 20})
    driven.graph.spin_for(0.2)
    assert (driven.frame_ids, len(driven.heard)) == (frame_ids, 20 if frame_ids else 0)
    assert len(driven.logged) == 1
    assert f"people are {done} (tf_on_timeout: {policy}): the image is 0.50 s ahead of TF. Raise" in driven.logged[0]


def test_unknown_frame_and_images_older_than_tf_are_said(robot: Callable[..., Robot]) -> None:
    driven = robot(tf_timeout_s=0.02)
    driven.see(0.0)
    driven.graph.spin_until(lambda: len(driven.logged) == 1)
    assert "TF does not connect 'optical' and 'odom'" in driven.logged[0]
    driven.know(5.0)
    driven.board.clear("target_frame: dropped")
    driven.see(0.1)
    driven.graph.spin_until(lambda: len(driven.logged) == 2)
    assert "older than all that TF keeps, 4.90 s before its latest" in driven.logged[1]


def test_transform_that_comes_a_little_later_is_waited_for(robot: Callable[..., Robot]) -> None:
    driven = robot()
    frames = driven.output._frames
    assert frames is not None
    driven.know(0.0)
    header = Header(frame_id="optical", stamp=Time(nanoseconds=round((driven.start_s + 0.1) * 1e9)).to_msg())
    assert isinstance(frames.wait_for(header, "odom", 0.01), Missing)
    threading.Timer(0.05, driven.know, [0.2]).start()
    found = frames.wait_for(header, "odom", 30.0)
    assert isinstance(found, RigidTransform)
    assert found.translation_m[0] == pytest.approx(0.1, abs=1e-5)


def test_clock_that_goes_back_forgets_the_transforms_of_the_time_before(robot: Callable[..., Robot]) -> None:
    driven = robot(tf_timeout_s=5.0)
    for count, seconds in enumerate((20.0, 10.0), start=1):
        driven.know(seconds)
        driven.see(seconds)
        if seconds == 10.0:
            driven.know(9.9)
            driven.know(10.1)
        driven.graph.spin_until(lambda count=count: len(driven.heard) == count)
    assert driven.stamps_s == pytest.approx([20.0, 10.0], abs=1e-5)
    assert [m.people[0].root.x for m in driven.heard] == pytest.approx([20.5, 10.5], abs=1e-5)


def test_nothing_that_waits_is_published_after_the_empty_result(robot: Callable[..., Robot]) -> None:
    driven = robot(tf_timeout_s=5.0)
    driven.know(0.0)
    driven.see(0.0)
    driven.graph.spin_until(lambda: len(driven.heard) == 1)
    driven.see(0.1)
    driven.output.publish_empty()
    driven.know(0.2)
    driven.graph.spin_for(0.3)
    assert [(len(m.people), m.header.frame_id) for m in driven.heard] == [(1, "odom"), (0, "odom")]


def publish(graph: Any, config: OutputConfig) -> tuple[list[Person3DArray], list[tuple[Level, str]]]:
    """One person 3 m ahead, 0.5 m to the right, published twice with that configuration; the messages and the log."""
    logged: list[tuple[Level, str]] = []
    board = ProblemBoard(lambda level, text: logged.append((level, text)), lambda: 0.0)
    output = PeopleOutput(graph.node, "", config, board)
    heard = graph.listen(Person3DArray, "people")
    graph.spin_until(output.has_subscribers)
    header = Header(frame_id="optical")
    header.stamp.sec = 5
    for _ in range(2):
        output.publish(header, [make_person(x_m=0.5)], INFO)
    graph.spin_for(0.3)
    output.close()
    return heard, logged


def test_people_are_turned_into_the_target_frame(graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known = TransformStamped()
    known.transform.translation.z = 1.5  # REP 103: a camera above its robot's origin that looks ahead
    turn = known.transform.rotation
    turn.x, turn.y, turn.z, turn.w = -0.5, 0.5, -0.5, 0.5
    tf2_ros = Mock(TransformException=UnknownTransform)
    tf2_ros.Buffer.return_value.lookup_transform.return_value = known
    monkeypatch.setitem(sys.modules, "tf2_ros", tf2_ros)
    messages, logged = publish(graph, OutputConfig(target_frame="base_link"))
    assert [(m.header.frame_id, m.header.stamp.sec) for m in messages] == [("base_link", 5)] * 2
    root = messages[0].people[0].root  # (0.5, 1.4, 3) in the optical frame
    assert (root.x, root.y, root.z) == pytest.approx((3.0, -0.5, 1.5 - 1.4))
    assert not logged


def test_root_of_each_person_is_broadcast_as_a_frame(graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tf2_ros = Mock(TransformException=UnknownTransform)
    monkeypatch.setitem(sys.modules, "tf2_ros", tf2_ros)
    publish(graph, OutputConfig(publish_tf=True))
    ((transform,),) = tf2_ros.TransformBroadcaster.return_value.sendTransform.call_args.args
    assert (transform.header.frame_id, transform.child_frame_id) == ("optical", "person_1")
    assert transform.header.stamp.sec == 5
    move, turn = transform.transform.translation, transform.transform.rotation
    assert (move.x, move.y, move.z, turn.w) == (0.5, 1.4, 3.0, 1.0)


def test_joints_are_frames_below_their_person_where_asked_for() -> None:
    header = Header(frame_id="optical")
    header.stamp.sec = 5
    people = [make_person(1, x_m=0.5), replace(make_person(2), state=TrackState.LOST)]
    published = Published.of(header, header, people, "p_{}".format, None)
    (root,) = person_transforms(published, joints=False)
    assert root.child_frame_id == "p_1"
    transforms = person_transforms(published, joints=True)
    assert transforms[0] == root
    names = INFO.skeleton.joints
    children = [transform.child_frame_id for transform in transforms[1:]]
    assert children == [f"p_1/{name}" for number, name in enumerate(names) if number != 1]  # joint 1 is lost
    for transform in transforms[1:]:
        assert (transform.header.frame_id, transform.header.stamp.sec) == ("p_1", 5)
        move, turn = transform.transform.translation, transform.transform.rotation
        number = names.index(transform.child_frame_id.partition("/")[2])
        assert (move.x, move.y, move.z) == pytest.approx((0.0, number / 10 - 1.4, 0.0))  # the root is joint 14
        assert (turn.x, turn.y, turn.z, turn.w) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(("joints", "count"), [(False, 1), (True, 21)])
def test_parameter_asks_for_the_joints(graph: Any, monkeypatch: pytest.MonkeyPatch, joints: bool, count: int) -> None:
    tf2_ros = Mock(TransformException=UnknownTransform)
    monkeypatch.setitem(sys.modules, "tf2_ros", tf2_ros)
    publish(graph, OutputConfig(publish_tf=True, publish_tf_joints=joints))
    (transforms,) = tf2_ros.TransformBroadcaster.return_value.sendTransform.call_args.args
    assert len(transforms) == count


@pytest.mark.parametrize(("policy", "count"), [("drop", 0), ("camera_frame", 2)])
def test_missing_tf2_ros_is_a_warning_and_never_another_frame_unasked(
    graph: Any, monkeypatch: pytest.MonkeyPatch, policy: str, count: int
) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)
    messages, logged = publish(graph, OutputConfig(target_frame="base_link", tf_on_timeout=policy))
    assert [message.header.frame_id for message in messages] == ["optical"] * count
    assert [level for level, _ in logged] == [Level.WARN] * 2
    assert all("tf2_ros" in text for _, text in logged)
