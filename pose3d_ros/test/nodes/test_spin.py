"""The nodes as processes: their end, their exit codes, and images between two of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pose3d_ros.nodes.transport import transport_environment

DEADLINE_S = 120.0

RECEIVER = """
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node("receiver")
got = []
node.create_subscription(Image, "image_raw", got.append, qos_profile_sensor_data)
print("listening", flush=True)
while not got:
    rclpy.spin_once(node, timeout_sec=0.2)
print(got[0].width, got[0].height, len(got[0].data), flush=True)
node.destroy_node()
rclpy.shutdown()
"""

SENDER = """
import array, signal, time, rclpy
from rclpy.signals import SignalHandlerOptions
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
stop = []
signal.signal(signal.SIGINT, lambda *_: stop.append(True))
rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
node = rclpy.create_node("sender")
publisher = node.create_publisher(Image, "image_raw", qos_profile_sensor_data)
image = Image(width=640, height=480, step=1920, encoding="bgr8", data=array.array("B", bytes(640 * 480 * 3)))
while not stop:
    publisher.publish(image)
    time.sleep(0.05)
node.destroy_node()
rclpy.shutdown()
"""


@pytest.fixture
def environment() -> dict[str, str]:
    """A domain of this test process's own, and the package's DDS profile."""
    domain = {"ROS_DOMAIN_ID": str(10 + (os.getpid() + 45) % 90)}
    return transport_environment({**os.environ, **domain, "PYTHONUNBUFFERED": "1"})


class Process:
    """A child whose output is read line by line."""

    def __init__(self, environment: dict[str, str], *command: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, *command],
            env=environment,
            # Not the repository: there, the project folder pose3d_ros/ would be taken for the package.
            cwd=Path(__file__).parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # So that waiting for words that never come ends, too.
        self._watchdog = threading.Timer(DEADLINE_S, self.child.kill)
        self._watchdog.start()

    def until(self, words: str) -> str:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            if words in line:
                return line
        raise AssertionError(f"the process ended without saying {words!r}")

    def rest(self) -> str:
        """Its output from here to its end."""
        said = self.child.communicate()[0]
        self._watchdog.cancel()
        return said

    def end(self) -> None:
        """End it with Ctrl-C's signal, so that it removes its shared memory."""
        self._watchdog.cancel()
        self.child.send_signal(signal.SIGINT)
        try:
            self.child.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        if self.child.stdout is not None:
            self.child.stdout.close()


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    started: list[Process] = []
    yield started
    for process in started:
        process.end()


def node(module: str, *parameters: str) -> list[str]:
    settings = [word for parameter in parameters for word in ("-p", parameter)]
    return ["-m", f"pose3d_ros.nodes.{module}", "--ros-args", *settings]


def test_best_effort_images_arrive_with_the_profile(environment: dict[str, str], processes: list[Process]) -> None:
    receiver = Process(environment, "-c", RECEIVER)
    processes.append(receiver)
    receiver.until("listening")
    processes.append(Process(environment, "-c", SENDER))
    assert receiver.until("640") == f"640 480 {640 * 480 * 3}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["pose_node", "smoother_node"])
def test_a_node_ends_well_when_told_to(
    environment: dict[str, str], processes: list[Process], module: str, number: signal.Signals
) -> None:
    process = Process(environment, *node(module, "engines:=/no/such/folder"))
    processes.append(process)
    assert "ERROR" in process.until("/no/such/folder")
    process.child.send_signal(number)
    rest = process.rest()
    assert process.child.returncode == 0
    assert "Traceback" not in rest


@pytest.mark.parametrize("content", [None, b"no bag"])
def test_an_unreadable_bag_ends_the_player_with_a_reason(
    environment: dict[str, str], tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "bad.mcap"
    if content is not None:
        path.write_bytes(content)
    process = Process(environment, *node("bag_player", f"bag:={path}"))
    said = process.rest()
    assert process.child.returncode == 1
    assert "bad.mcap" in said
    assert "Traceback" not in said


def test_a_wrong_parameter_ends_the_player_with_a_reason(environment: dict[str, str]) -> None:
    process = Process(environment, *node("bag_player", "rate:=-3.0"))
    assert "rate" in process.rest()
    assert process.child.returncode == 1


def test_a_parameter_file_that_is_none_ends_a_node_with_a_reason(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("pose_node: [unclosed")
    process = Process(
        environment, "-m", "pose3d_ros.nodes.pose_node", "--ros-args", "--params-file", f"{tmp_path}/bad.yaml"
    )
    said = process.rest()
    assert process.child.returncode == 1
    assert "Traceback" not in said


def test_the_recorder_finishes_its_bag_when_told_to_end(
    environment: dict[str, str], processes: list[Process], tmp_path: Path
) -> None:
    path = tmp_path / "people.mcap"
    process = Process(environment, *node("recorder", f"bag:={path}", "topics:=/rosout"))
    processes.append(process)
    process.until("recording /rosout")
    process.child.send_signal(signal.SIGINT)
    assert "recorded" in process.rest()
    assert process.child.returncode == 0
    assert path.stat().st_size > 0
