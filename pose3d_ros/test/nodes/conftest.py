"""A ROS graph for the tests: real rclpy and DDS in this process, spun by the test itself."""

from __future__ import annotations

import math
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from pose3d_ros.engines import BackendChoice
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Detection, Frame, FrameResult, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.roots.agreement import Agreement

WITHOUT_ROS = (
    "test_camera_source test_frame_queue test_frame_stamps test_frame_stamps_rate test_input_rate "
    "test_parent_process test_problems test_timing test_dds_profile test_stamp_pairing"
).split()
if find_spec("rclpy") is None or find_spec("pose3d_msgs") is None:
    collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py") if path.stem not in WITHOUT_ROS]

# Generous: how long a loaded machine may take; a test ends as soon as what it waits for is there.
DEADLINE_S = 120.0


class Graph:
    """Nodes, publishers and listeners under a namespace of their own, apart from other tests."""

    def __init__(self) -> None:
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.node import Node

        self.namespace = f"/t{uuid.uuid4().hex[:10]}"
        self._executor = SingleThreadedExecutor()
        self._nodes: list[Any] = []
        self.node = self.add(Node("tester", namespace=self.namespace))

    def options(self, **parameters: object) -> dict[str, Any]:
        """Constructor arguments of a node in this graph with these parameters (`__` stands for a dot)."""
        from rclpy.parameter import Parameter

        overrides = [Parameter(name.replace("__", "."), value=value) for name, value in parameters.items()]
        return {"namespace": self.namespace, "parameter_overrides": overrides}

    def add(self, node: Any) -> Any:
        """Spin this node too, and destroy it at the end of the test."""
        self._nodes.append(node)
        self._executor.add_node(node)
        return node

    def add_pose_node(self, pipeline: Any, **parameters: object) -> Any:
        """A pose node around a pipeline, started."""
        from pose3d_ros.nodes.pose_node import PoseNode

        node = self.add(PoseNode(opener=lambda _: pipeline, **self.options(**parameters)))
        node.autostart()
        return node

    def status_of(self, messages: Sequence[Any], node: str) -> Any:
        """A node's latest status in diagnostics, None before the first."""
        name = f"{self.namespace.lstrip('/')}/{node}: people"
        mine = [status for message in messages for status in message.status if status.name == name]
        return mine[-1] if mine else None

    def listen(self, kind: Any, topic: str, qos: Any = 10) -> list[Any]:
        """The messages of a topic, as they come."""
        messages: list[Any] = []
        self.node.create_subscription(kind, topic, messages.append, qos)
        return messages

    def log_of(self, name: str) -> list[str]:
        """What a node of this graph logs from now on, warnings and errors only, as `ros2 topic echo /rosout` shows."""
        from rcl_interfaces.msg import Log

        lines: list[str] = []
        logger = f"{self.namespace.lstrip('/')}.{name}"
        self.node.create_subscription(
            Log, "/rosout", lambda e: lines.append(e.msg) if e.name == logger and e.level >= Log.WARN else None, 1000
        )
        return lines

    def publish(self, kind: Any, topic: str, qos: Any = 10) -> Callable[[Any], None]:
        """A function that publishes; it waits until there is a subscriber."""
        publisher = self.node.create_publisher(kind, topic, qos)

        def send(message: Any) -> None:
            self.spin_until(lambda: publisher.get_subscription_count() > 0)
            publisher.publish(message)

        return send

    def spin_once(self, timeout_s: float = 0.05) -> None:
        """Let one callback that is due run."""
        self._executor.spin_once(timeout_sec=timeout_s)

    def spin_until(self, done: Callable[[], bool]) -> None:
        """Spin until the condition holds; fails the test when it never does."""
        deadline_s = time.monotonic() + DEADLINE_S
        while not done():
            assert time.monotonic() < deadline_s, "what the test waits for did not happen"
            self.spin_once()

    def spin_for(self, seconds: float) -> None:
        """Spin for a while, to see that nothing happens."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.spin_once()

    def call(self, kind: Any, name: str, request: Any) -> Any:
        """The response of a service."""
        client = self.node.create_client(kind, name)
        self.spin_until(client.service_is_ready)
        future = client.call_async(request)
        self.spin_until(future.done)
        return future.result()

    def close(self) -> None:
        for node in reversed(self._nodes):
            self._executor.remove_node(node)
            node.destroy_node()
        self._executor.shutdown()


@pytest.fixture(scope="session")
def _ros() -> Iterator[None]:
    import rclpy

    # A domain of this process's own, in the range whose ports are free of others' (0 to 101).
    rclpy.init(domain_id=10 + os.getpid() % 90)
    yield
    rclpy.shutdown()


@pytest.fixture
def graph(_ros: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    monkeypatch.setattr("pose3d_ros.nodes.managed.DIAGNOSTICS_PERIOD_S", 0.1)  # nothing waits a second for a status
    monkeypatch.setattr("pose3d_ros.nodes.frame_stamps.OTHER_CLOCK_S", math.inf)  # stamps of tests are of 1970
    made = Graph()
    yield made
    made.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Any]:
    """For the soaks: the nodes as processes; at the end none may have met an error that it did not expect."""
    from .rigs.soak_rig import SoakRig

    made = SoakRig(tmp_path)
    yield made
    made.close()
    made.assert_sound()


def make_person(track_id: int = 1, x_m: float = 0.5, skeleton: str = "muco21") -> Person:
    """A person whose joint j is at (x_m, j / 10, 3); joint 1 is lost."""
    names = get_skeleton(skeleton)
    count = len(names)
    joints_m = np.stack([np.full(count, x_m), np.arange(count) / 10, np.full(count, 3.0)], axis=1)
    pixels = np.stack([np.arange(count) + 0.25, np.arange(count) + 0.5], axis=1)
    joints_m[1], pixels[1] = np.nan, np.nan
    root_m = joints_m[names.root].copy()
    detection = Detection(np.array([1.0, 2.0, 11.0, 32.0]), 0.75)
    pose = Pose(root_m, joints_m, pixels, np.full(count, 0.5), names, detection, 0.25)
    return Person(track_id, TrackState.TRACKED, pose, np.array([0.1, 0.2, 0.3]), 0.875)


@pytest.fixture
def pipeline() -> Mock:
    """Stands in for the pipeline: finds one person everywhere."""
    people = (make_person(),)
    made = Mock(Pipeline, return_value=FrameResult(people, (), {"total": 1.0}))
    made.skeleton, made.engine_problems, made.root_agreement = people[0].pose.skeleton, (), Agreement()
    backend = BackendChoice("onnxruntime", "a test")
    made.engines = SimpleNamespace(names="fake", backend=backend, statuses=("fake: nothing runs it",))
    return made


def frames_of(pipeline: Mock) -> list[Frame]:
    """The frames that the pipeline was called with."""
    return [call.args[0] for call in pipeline.call_args_list]
