"""What both nodes say about an input that is silent or slow: each warning appears, and clears."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from pose3d_msgs.msg import Person3DArray
from rclpy.parameter import Parameter

from pose3d_ros.config.share_folders import share_file
from pose3d_ros.nodes.dds_profile import SharedMemory

from .rigs.pose_rig import PoseRig, camera_info, gray_image
from .test_fitted_subscription import NODE
from .test_smoother_node import start as start_smoother
from .test_spin import Start, start  # noqa: F401 - a fixture

# Publishes images and people under the namespace that it is given, until SIGKILL.
SENDER = """
import sys, time, rclpy
from pose3d_msgs.msg import Person3DArray
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node("sender", namespace=sys.argv[1])
image = Image(width=32, height=24, step=96, encoding="bgr8", data=bytes(32 * 24 * 3))
people = Person3DArray(skeleton="muco21")
publishers = [(node.create_publisher(type(m), t, 10), m) for m, t in ((image, "image_raw"), (people, "people"))]
while True:
    for publisher, message in publishers:
        message.header.stamp.sec += 1
        publisher.publish(message)
    time.sleep(0.05)
"""
# A best-effort driver whose images do not fit the built-in segment.
LOSER = """
import array, signal, time, rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
stop = []
rclpy.init()
signal.signal(signal.SIGINT, lambda *_: stop.append(True))
node = rclpy.create_node("driver")
image = Image(width=1280, height=720, step=3840, encoding="bgr8", data=array.array("B", bytes(1280 * 720 * 3)))
publisher = node.create_publisher(Image, "image_raw", qos_profile_sensor_data)
while not stop:
    publisher.publish(image)
    time.sleep(0.03)
node.destroy_node()
rclpy.shutdown()
"""


SECONDS = count(3)


@pytest.fixture
def short_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pose3d_ros.nodes.input_rate._WINDOW_S", 1.0)


def send_until(
    rig: PoseRig, level: bytes, words: str, *, images: int = 1, infos: int = 0, pause_s: float = 0.02
) -> None:
    """Send that many images and camera_infos, and again, until the status is that."""

    def holds() -> bool:
        for _ in range(images):
            rig.send(gray_image(next(SECONDS)))
        for _ in range(infos):
            rig.send_info(camera_info())
        rig.graph.spin_for(pause_s)
        return rig.status is not None and rig.status.level == level and words in rig.status.message

    rig.graph.spin_until(holds)


def test_images_rarer_than_their_camera_info_are_a_warning(graph: Any, pipeline: Any, short_window: None) -> None:
    rig = PoseRig(graph, pipeline)
    send_until(rig, DiagnosticStatus.WARN, "its camera_info", infos=3)
    assert rig.status is not None
    assert "images are lost" in rig.status.message
    assert "FASTDDS_DEFAULT_PROFILES_FILE" in rig.status.message
    send_until(rig, DiagnosticStatus.OK, "active", infos=1)
    send_until(rig, DiagnosticStatus.WARN, "its camera_info", infos=3)
    graph.spin_until(lambda: sum("its camera_info" in line for line in rig.logged) == 2)


def test_images_rarer_than_before_are_a_warning(graph: Any, pipeline: Any, short_window: None) -> None:
    rig = PoseRig(graph, pipeline, fallback_hfov_deg=0.0)
    rig.calibrate()
    before = rig.node.work.values
    while float(before()["input [Hz]"]) < 8.0 or int(before()["images"]) < 60:
        send_until(rig, DiagnosticStatus.OK, "active")
    send_until(rig, DiagnosticStatus.WARN, "Hz, before", pause_s=0.4)
    assert rig.status is not None
    assert "camera has slowed down" in rig.status.message
    send_until(rig, DiagnosticStatus.OK, "active")


def test_images_rarer_than_the_given_minimum_are_a_warning(graph: Any, pipeline: Any, short_window: None) -> None:
    rig = PoseRig(graph, pipeline, min_input_hz=1000.0)
    rig.calibrate()
    send_until(rig, DiagnosticStatus.WARN, "min_input_hz is 1000")
    (result,) = rig.node.set_parameters([Parameter("min_input_hz", value=0.5)])
    assert result.successful
    send_until(rig, DiagnosticStatus.OK, "active")


def test_images_that_dds_loses_are_a_warning_of_a_running_node(start: Start) -> None:  # noqa: F811
    settings = ["-p", "work_without_subscribers:=true", "-p", "fallback_hfov_deg:=60.0"]
    node = start("-c", NODE, "--ros-args", *settings, profile=False)
    node.until("up")
    start("-c", LOSER, profile=False)
    assert "built-in shared-memory segment" in node.until("images are lost")


@pytest.fixture
def sender(graph: Any) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "ROS_DOMAIN_ID": str(10 + os.getpid() % 90)}
    process = subprocess.Popen(
        [sys.executable, "-c", SENDER, graph.namespace], env=environment, cwd=Path(__file__).parent
    )
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()


@pytest.mark.parametrize("kind", ["pose_node", "smoother_node"])
def test_publisher_that_hangs_is_a_warning_each_time(
    graph: Any, pipeline: Any, sender: subprocess.Popen[bytes], kind: str
) -> None:
    logged = graph.log_of(kind)
    settings: dict[str, Any] = {"watchdog_timeout_s": 0.5, "work_without_subscribers": True}
    if kind == "pose_node":
        node = graph.add_pose_node(pipeline, fallback_hfov_deg=90.0, **settings)
    else:
        node, _ = start_smoother(graph, **settings)

    def warned() -> bool:
        return any("has a publisher but no message arrives" in problem.text for problem in node.board.current())

    for times in (1, 2):
        before = node.work.input_count
        graph.spin_until(lambda before=before: node.work.input_count > before and not warned())
        sender.send_signal(signal.SIGSTOP)
        graph.spin_until(warned)
        graph.spin_until(lambda times=times: sum("no message arrives" in line for line in logged) == times)
        sender.send_signal(signal.SIGCONT)


def test_small_shared_memory_is_a_warning_until_there_is_more(
    graph: Any, pipeline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", str(share_file("config/fastdds.xml")))
    memory = [SharedMemory(64 << 20, 60 << 20)]
    monkeypatch.setattr("pose3d_ros.nodes.pose_node.shared_memory", lambda: memory[-1])
    rig = PoseRig(graph, pipeline)
    rig.until_reported(DiagnosticStatus.WARN, "--shm-size=512m")
    memory.append(SharedMemory(8 << 30, 7 << 30))
    rig.until_status(DiagnosticStatus.OK, "active")


def test_best_effort_publisher_of_a_reliable_subscription_is_named(graph: Any, pipeline: Any) -> None:
    settings: dict[str, Any] = {"image_reliability": "reliable", "watchdog_timeout_s": 0.2}
    rig = PoseRig(graph, pipeline, publisher_reliability="best_effort", **settings)
    rig.until_status(DiagnosticStatus.WARN, "set image_reliability to auto")


def test_smoother_without_people_names_the_cause(graph: Any) -> None:
    graph.node.create_publisher(Person3DArray, "people", 10)
    node, _ = start_smoother(graph, watchdog_timeout_s=0.2, work_without_subscribers=True)
    graph.spin_until(lambda: any("pose_node gets no image" in problem.text for problem in node.board.current()))
