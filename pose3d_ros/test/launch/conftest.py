"""Launches as processes, by the real `ros2 launch`, and a node that hears what they publish."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

LAUNCH = Path(__file__).resolve().parents[2] / "launch"
DEADLINE_S = 120.0
_ROS2 = [sys.executable, "-c", "import sys; from ros2cli.cli import main; sys.exit(main())"]
needs_ros2_launch = pytest.mark.skipif(
    find_spec("ros2launch") is None or find_spec("rclpy") is None, reason="needs ros2launch, which no wheel has"
)


class Processes:
    """Launches and tools in a domain of their own; close ends them."""

    def __init__(self, folder: Path) -> None:
        self.domain = 10 + (os.getpid() + 30) % 90
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str) -> tuple[subprocess.Popen[bytes], Path]:
        """A process in a session of its own, and the file of what it prints."""
        log = self._folder / f"{len(self._running)}.log"
        environment = {**os.environ, "ROS_DOMAIN_ID": str(self.domain), "PYTHONUNBUFFERED": "1"}
        with log.open("wb") as output:
            process = subprocess.Popen(
                words, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            )
        self._running.append(process)
        return process, log

    def launch(self, file: str | Path, *arguments: str) -> tuple[subprocess.Popen[bytes], Path]:
        """`ros2 launch` of a launch file, by its name or path."""
        return self.start(*_ROS2, "launch", str(LAUNCH / file), *arguments)

    def play(self, **remapped: str) -> None:
        """Play the sample recording in a loop, its topics renamed."""
        bag = LAUNCH.parent / "samples/people_crossing.mcap"
        remaps = [word for old, new in remapped.items() for word in ("-r", f"/camera/{old}:={new}")]
        self.start(
            *(sys.executable, "-m", "pose3d_ros.nodes.bag_player", "--ros-args", "-p", f"bag:={bag}"),
            *("-p", "loop:=true", "-p", "rate:=0.5", *remaps),
        )

    def close(self) -> None:
        """End all, by Ctrl-C first."""
        for process in self._running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
        for process in self._running:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


class Listener:
    """A node that hears topics of the launches."""

    def __init__(self, domain: int) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self._context = rclpy.Context()
        self._context.init(domain_id=domain)
        self.node: Any = rclpy.create_node("listener", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)

    def listen(self, kind: Any, topic: str) -> list[Any]:
        """The messages of a topic, as they come."""
        messages: list[Any] = []
        self.node.create_subscription(kind, topic, messages.append, 10)
        return messages

    def until(self, done: Callable[[], bool], log: Path) -> None:
        """Spin until the condition holds; else the test fails with what the launch printed."""
        deadline_s = time.monotonic() + DEADLINE_S
        while not done():
            assert time.monotonic() < deadline_s, log.read_text()
            self._executor.spin_once(timeout_sec=0.1)

    def close(self) -> None:
        """End the node."""
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.shutdown()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Processes that end with the test."""
    made = Processes(tmp_path)
    yield made
    made.close()


@pytest.fixture
def listener(processes: Processes) -> Iterator[Listener]:
    """Hears them."""
    made = Listener(processes.domain)
    yield made
    made.close()
