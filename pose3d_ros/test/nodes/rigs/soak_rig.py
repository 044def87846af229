"""The nodes as a robot runs them, each a process of its own with the embedded models, a camera, and a listener."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from pose3d_msgs.msg import Person3DArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from pose3d_ros.engines import default_manifest_dir
from pose3d_ros.nodes.dds_profile import transport_environment

NAMESPACE = "soak"
LIMIT_S = 120.0
_CAMERA = Path(__file__).with_name("soak_camera.py")
_END_S = 30.0


class NodeProcess:
    """A node as a process; its output goes into a file."""

    def __init__(self, command: Sequence[str], log: Path, domain: int, **options: Any) -> None:
        environment = transport_environment({**os.environ, "ROS_DOMAIN_ID": str(domain), "PYTHONUNBUFFERED": "1"})
        self._log = log
        with log.open("a") as file:
            self.child = subprocess.Popen(
                [sys.executable, *command],
                env=environment,
                cwd=_CAMERA.parent,  # not the repository: there, the project's folder would be taken for the package
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                **options,
            )

    @property
    def output(self) -> str:
        """What it has printed, and those before it that had this log."""
        return self._log.read_text(errors="replace")

    def order(self, **orders: object) -> None:
        """Tell a camera what to send from now on."""
        assert self.child.stdin is not None
        self.child.stdin.write(json.dumps(orders) + "\n")
        self.child.stdin.flush()

    def memory_mib(self) -> float:
        """The memory that is its own: neither files nor what is shared with other processes."""
        lines = Path(f"/proc/{self.child.pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1024

    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self.child.pid}/fd"))

    def end(self) -> int:
        """End it as Ctrl-C does; its exit code."""
        if self.child.stdin is not None:
            self.child.stdin.close()
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
        try:
            return self.child.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.child.wait()


class SoakRig:
    """Starts processes, and listens to what they publish; `close` ends all."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.domain = folder, 10 + (os.getpid() + 30) % 90
        self._context = Context()
        rclpy.init(context=self._context, domain_id=self.domain)
        self._executor = SingleThreadedExecutor(context=self._context)
        self.node = Node("listener", namespace=NAMESPACE, context=self._context)
        self._executor.add_node(self.node)
        self._processes: list[NodeProcess] = []
        self.people: list[tuple[float, Person3DArray]] = []
        self.smoothed: list[tuple[float, Person3DArray]] = []
        self.statuses: dict[str, DiagnosticStatus] = {}
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def listen(self) -> None:
        """Subscribe to the people of both nodes, which makes the nodes work."""
        for topic, heard in (("people", self.people), ("people_smoothed", self.smoothed)):
            self.node.create_subscription(Person3DArray, topic, lambda m, h=heard: h.append((time.monotonic(), m)), 100)

    def start(self, module: str, engines: Path | None = None, **parameters: object) -> NodeProcess:
        """Start a node of the package."""
        folder = engines or default_manifest_dir()
        shared = {"engines": str(folder), "backend": "onnxruntime"} if module in ("pose_node", "smoother_node") else {}
        settings = [f"{name.replace('__', '.')}:={value}" for name, value in {**shared, **parameters}.items()]
        words = [word for setting in settings for word in ("-p", setting)]
        ros = ["--ros-args", "-r", f"__ns:=/{NAMESPACE}", *words]
        return self.run(["-m", f"pose3d_ros.nodes.{module}", *ros], module)

    def start_camera(self, **orders: object) -> NodeProcess:
        """Start a camera; it sends once it is ready."""
        camera = self.run([str(_CAMERA), NAMESPACE], "camera")
        camera.order(**orders)
        return camera

    def run(self, command: Sequence[str], name: str, **options: Any) -> NodeProcess:
        """Start Python with arguments."""
        self._processes.append(NodeProcess(command, self.folder / f"{name}.log", self.domain, **options))
        return self._processes[-1]

    def spin(self, seconds: float) -> None:
        """Listen for so long."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left_s)

    def until(self, done: Callable[[], bool], what: str, limit_s: float = LIMIT_S) -> float:
        """Listen until it is so; the seconds it took. Fails after the limit."""
        start_s = time.monotonic()
        while not done():
            if time.monotonic() - start_s > limit_s:
                self.assert_sound()
                raise AssertionError(f"within {limit_s:.0f} s not: {what}; {self.states()}")
            self._executor.spin_once(timeout_sec=0.02)
        return time.monotonic() - start_s

    def until_people(self, more: int = 3, what: str = "smoothed people") -> float:
        """Listen until so many more smoothed messages have people in them; the seconds to the first one."""
        before, start_s = len(self.smoothed), time.monotonic()
        found: list[float] = []

        def enough() -> bool:
            found[:] = [at_s for at_s, message in self.smoothed[before:] if message.people]
            return len(found) >= more

        self.until(enough, what)
        return found[0] - start_s

    def call(self, kind: Any, service: str, request: Any, limit_s: float = LIMIT_S) -> Any:
        """A service's response."""
        client: Any = self.node.create_client(kind, service)
        self.until(client.service_is_ready, f"{service} is there", limit_s)
        future = client.call_async(request)
        self.until(future.done, f"{service} answers", limit_s)
        self.node.destroy_client(client)
        return future.result()

    def change(self, node: str, *transitions: int) -> bool:
        """Whether all these life-cycle transitions, by their numbers, succeed; none follows one that failed."""
        requests = (ChangeState.Request(transition=Transition(id=number)) for number in transitions)
        return all(self.call(ChangeState, f"{node}/change_state", request).success for request in requests)

    def states(self) -> dict[str, str]:
        """The message of each node's diagnostics."""
        return {name: status.message for name, status in self.statuses.items()}

    def value(self, key: str, node: str = "pose_node") -> str:
        """A value of a node's diagnostics; empty where it has none."""
        status = self.statuses.get(node)
        return next((item.value for item in status.values if item.key == key), "") if status else ""

    def latency_ms(self, since_s: float) -> tuple[float, float]:
        """Median and longest latency of the people that came since then."""
        latencies = [message.latency_ms for at_s, message in self.people if at_s >= since_s]
        return statistics.median(latencies), max(latencies)

    def close(self) -> None:
        """End every process, the last one first, then the listener."""
        for process in reversed(self._processes):
            process.end()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def assert_sound(self) -> None:
        """No node has met an error that it did not expect."""
        for log in self.folder.glob("*.log"):
            text = log.read_text(errors="replace")
            assert not [words for words in ("Traceback", "unexpected") if words in text], text[-3000:]

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.statuses[status.name.split(":")[0].rpartition("/")[2]] = status
