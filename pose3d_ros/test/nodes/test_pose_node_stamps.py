"""Stamps as drivers and recordings have them, through the node."""

from __future__ import annotations

import time
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import Image
from visualization_msgs.msg import Marker, MarkerArray

from pose3d_ros.nodes.topics import image_qos

from .conftest import frames_of
from .rigs.pose_rig import PoseRig, gray_image


def stamped(seconds: float, frame_id: str = "cam") -> Image:
    """A gray image of that time."""
    image = gray_image()
    image.header.frame_id = frame_id
    image.header.stamp.sec, image.header.stamp.nanosec = divmod(round(seconds * 1e9), 1_000_000_000)
    return image


def times_s(pipeline: Any) -> list[float]:
    """The times of the frames that the pipeline got."""
    return [frame.stamp_ns * 1e-9 for frame in frames_of(pipeline)]


@pytest.mark.parametrize("late_s", [0.001, 0.9])
def test_late_images_are_dropped_and_counted(graph: Any, pipeline: Any, late_s: float) -> None:
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=90.0, queue_size=10)
    for number in range(3):
        rig.process(stamped(10.0 + number))
        rig.send(stamped(10.0 + number - late_s))
    rig.process(stamped(13.0))
    assert times_s(pipeline) == [10.0, 11.0, 12.0, 13.0]
    graph.spin_until(lambda: rig.values.get("late [messages]") == "3")
    assert sum("is dropped" in line for line in rig.logged) == 1


@pytest.mark.parametrize(
    ("stamps_s", "frame_id", "words"),
    [
        ([0.0], "cam", "stamped zero"),
        ([100.0, 100.0], "cam", "has the stamp of the one before"),
        ([100.0, 99.9], "cam", "is dropped"),
        ([100.0, 90.0], "cam", "went back by 10.0 s"),
        ([time.time() + 1e6], "cam", "ahead of this node's clock"),
        ([100.0], "", "no frame_id"),
    ],
    ids=["zero", "repeated", "late", "back", "future", "frame_id"],
)
def test_each_warning_appears_once_and_clears(
    graph: Any, pipeline: Any, monkeypatch: pytest.MonkeyPatch, stamps_s: list[float], frame_id: str, words: str
) -> None:
    monkeypatch.setattr("pose3d_ros.nodes.frame_stamps.FRAME_PROBLEM_S", 1.0)
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=90.0, queue_size=10)
    rig.calibrate()
    for stamp_s in stamps_s:
        rig.send(stamped(stamp_s, frame_id))
    rig.until_reported(DiagnosticStatus.WARN, words)
    rig.until_status(DiagnosticStatus.OK, "active")


def test_two_publishers_are_a_warning_until_one_is_gone(graph: Any, pipeline: Any) -> None:
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=90.0, queue_size=10)
    rig.until_status(DiagnosticStatus.OK, "active")
    second = graph.node.create_publisher(Image, "image_raw", image_qos("reliable", 1))
    status = rig.until_status(DiagnosticStatus.WARN, "has 2 publishers")
    assert f"{graph.namespace}/tester, {graph.namespace}/tester. Stop all but one" in status.message
    graph.node.destroy_publisher(second)
    rig.until_status(DiagnosticStatus.OK, "active")


def test_zero_stamps_are_tracked_by_the_time_of_arrival_and_published_as_they_are(graph: Any, pipeline: Any) -> None:
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=90.0, queue_size=10)
    before_s = time.time()
    messages = [rig.process(stamped(0.0)) for _ in range(3)]
    assert [(m.header.stamp.sec, m.header.stamp.nanosec) for m in messages] == [(0, 0)] * 3
    assert before_s <= times_s(pipeline)[0] < times_s(pipeline)[1] < times_s(pipeline)[2] <= time.time() + 0.001


def test_recording_that_loops_and_clock_that_is_set_back_are_one_message_each(graph: Any, pipeline: Any) -> None:
    markers = graph.listen(MarkerArray, "markers")
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=90.0, queue_size=10)
    stamps_s = [20.0, 21.0, 22.0, 20.0, 21.0, 22.0, 12.0, 13.0]  # loops, then a clock goes back by 10 s
    for stamp_s in stamps_s:
        rig.process(stamped(stamp_s))
    assert times_s(pipeline) == stamps_s
    graph.spin_until(lambda: rig.values.get("clock went back [messages]") == "2")
    shown = [marker for array in markers for marker in array.markers]
    first = next(i for i, marker in enumerate(shown) if marker.action == Marker.ADD)
    assert sum(marker.action == Marker.DELETEALL for marker in shown[first:]) == 2
