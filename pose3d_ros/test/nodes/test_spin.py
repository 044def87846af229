from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pose3d_ros.nodes.dds_profile import PROFILE_VARIABLES, transport_environment

DEADLINE_S = 120.0
CONTAINER = "pose3d_ros.launching.container_process"

# Sends 640x480 images, best effort, until SIGINT; or prints the size of the first that it receives.
CAMERA = """
import array, signal, sys, rclpy
from rclpy.qos import qos_profile_sensor_data as qos
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
stop, got = [], []
signal.signal(signal.SIGINT, lambda *_: stop.append(True))
rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
node = rclpy.create_node(sys.argv[1])
if sys.argv[1] == "sender":
    image = Image(width=640, height=480, step=1920, encoding="bgr8", data=array.array("B", bytes(640 * 480 * 3)))
    publisher = node.create_publisher(Image, "image_raw", qos)
    node.create_timer(0.05, lambda: publisher.publish(image))
else:
    node.create_subscription(Image, "image_raw", got.append, qos)
    print("subscribed", flush=True)
while not (stop or got):
    rclpy.spin_once(node, timeout_sec=0.2)
print(*((image.width, image.height, len(image.data)) for image in got[:1]), flush=True)
node.destroy_node()
rclpy.shutdown()
"""

Start = Callable[..., "Process"]


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
        """The first line with these words."""
        assert self.child.stdout is not None
        for line in self.child.stdout:
            if words in line:
                return line
        raise AssertionError(f"the process ended without {words!r}")

    def rest(self, number: signal.Signals | None = None) -> str:
        """What it prints until it ends, without a traceback; first it gets the signal."""
        if number is not None:
            self.child.send_signal(number)
        output = self.child.communicate(timeout=DEADLINE_S)[0]
        assert "Traceback" not in output
        return output

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
def start() -> Iterator[Start]:
    """Starts Python with arguments, in a domain of this test's own, with the package's DDS profile or none."""
    domain = {"ROS_DOMAIN_ID": str(10 + (os.getpid() + 45) % 90)}
    bare = {name: value for name, value in os.environ.items() if name not in PROFILE_VARIABLES}
    bare |= {**domain, "PYTHONUNBUFFERED": "1"}
    started: list[Process] = []

    def start_process(*command: str, profile: bool = True) -> Process:
        started.append(Process(transport_environment(bare) if profile else bare, *command))
        return started[-1]

    yield start_process
    for process in started:
        process.end()


def node(module: str, *parameters: str) -> list[str]:
    settings = [word for parameter in parameters for word in ("-p", parameter)]
    return ["-m", f"pose3d_ros.nodes.{module}", "--ros-args", *settings]


def test_best_effort_images_arrive_with_the_profile(start: Start) -> None:
    receiver = start("-c", CAMERA, "receiver")
    receiver.until("subscribed")
    start("-c", CAMERA, "sender")
    assert receiver.until("640") == f"(640, 480, {640 * 480 * 3})\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("module", ["nodes.pose_node", "nodes.smoother_node", "launching.container_process"])
def test_signal_ends_a_node_with_exit_code_0(start: Start, module: str, number: signal.Signals) -> None:
    process = start("-m", f"pose3d_ros.{module}", "--ros-args", "-p", "engines:=/no/such/folder")
    assert "ERROR" in process.until("/no/such/folder")
    process.rest(number)
    assert process.child.returncode == 0


def test_node_that_hangs_ends_after_its_parent(start: Start) -> None:
    hanging = (
        "import os, time; from rclpy.node import Node; from pose3d_ros.nodes import spin; spin._ORPHAN_S = 1\n"
        "def work(node, run): print('up', os.getpid(), flush=True); [time.sleep(0.1) for _ in iter(int, 1)]\n"
        "spin.run_tool(lambda: Node('hanging'), work)"
    )
    parent = start(
        "-c",
        "import os, subprocess, sys; from pose3d_ros.nodes.parent_process import child_environment\n"
        f"subprocess.run([sys.executable, '-c', {hanging!r}], env=child_environment(os.environ))",
    )
    pid = int(parent.until("up").split()[1])
    parent.child.kill()
    deadline_s = time.monotonic() + DEADLINE_S
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_signal_ends_the_recorder_with_a_finished_bag(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "people.mcap"
    process = start(*node("recorder", f"bag:={path}", "topics:=/rosout"))
    process.until("recording /rosout")
    assert "recorded" in process.rest(signal.SIGINT)
    assert process.child.returncode == 0
    assert path.stat().st_size > 0


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (node("bag_player", "bag:=missing.mcap"), "missing.mcap"),
        (node("bag_player", f"bag:={__file__}"), "test_spin.py"),
        (node("bag_player", "rate:=-3.0"), "rate"),
        (["-m", CONTAINER, "--ros-args", "-p", "cameras:=/nowhere.yaml"], "/nowhere.yaml"),
        (["-m", "pose3d_ros.nodes.pose_node", "--ros-args", "--params-file", __file__], ""),
    ],
)
def test_invalid_arguments_end_with_a_reason_and_exit_code_1(start: Start, command: list[str], words: str) -> None:
    process = start(*command)
    assert words in process.rest()
    assert process.child.returncode == 1


@pytest.mark.parametrize("name", ["pose_node", "smoother_node"])
def test_node_starts_without_scipy(name: str) -> None:
    # Its import takes a third of the time of a node's start and 46 MB.
    code = (
        f"import sys, pose3d_ros.nodes.{name}; sys.exit(' '.join(m for m in sys.modules if m.startswith('scipy')) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
