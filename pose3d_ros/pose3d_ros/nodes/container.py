"""`pose3d_container`: pose_node and smoother_node of one or more cameras in one process, over one set of engines.

People go from a camera's pose_node to its smoother_node in memory. All pose_nodes share one thread for their images, in
turn, and each model is loaded once. Every node has its own life cycle, parameters, services and diagnostics.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter

from pose3d_ros.config.parameter_table import Settings, Value, setting
from pose3d_ros.config.settings import PARAMETERS
from pose3d_ros.engines.engine_pool import EnginePool
from pose3d_ros.errors import ConfigError
from pose3d_ros.nodes.frame_queue import FrameWorker
from pose3d_ros.nodes.local_topics import LocalTopics
from pose3d_ros.nodes.managed import ManagedNode
from pose3d_ros.nodes.parameters import tool_settings
from pose3d_ros.nodes.pose_node import PoseNode
from pose3d_ros.nodes.problems import FRAME_PROBLEM_S, Level
from pose3d_ros.nodes.smoother_node import SmootherNode
from pose3d_ros.nodes.spin import Spin, run_tool
from pose3d_ros.pipeline import open_pipeline, open_smoother

_NODE = "pose3d_container"
_POLL_S = 0.2


@dataclass(frozen=True)
class ContainerConfig(Settings, nodes=(_NODE,)):
    """Parameters of the container itself; those of its nodes are theirs."""

    cameras: str = setting(
        "",
        "Cameras: a YAML file, or namespaces separated by commas; empty: one, in the namespace of the process.",
    )


@dataclass(frozen=True)
class CameraEntry:
    """A camera of the process.

    namespace: of its nodes, below that of the process unless it begins with a slash; "" for that itself. remappings: a
    node's topic → the camera's. smoother: whether it has a smoother_node. of_pose_node, of_smoother_node: parameters,
    and params_file a file of such, which go before those of the process.
    """

    namespace: str = ""
    remappings: Mapping[str, str] = field(default_factory=dict)
    smoother: bool = True
    of_pose_node: Mapping[str, Value] = field(default_factory=dict)
    of_smoother_node: Mapping[str, Value] = field(default_factory=dict)
    params_file: str = ""

    def arguments(self, node: str, base: str) -> list[str]:
        """ROS arguments of a node, which go before those of the process. base: the namespace of the process."""
        place = self.namespace if self.namespace.startswith("/") else f"{base.rstrip('/')}/{self.namespace}"
        rules = {"__node": node, "__ns": place.rstrip("/") or "/", **self.remappings}
        words = ["--ros-args", *(word for name, to in rules.items() for word in ("-r", f"{name}:={to}"))]
        return [*words, "--params-file", self.params_file] if self.params_file else words


CamerasOf = Callable[[str], Sequence[CameraEntry]]
"""Reads the parameter `cameras`; raises ConfigError."""


class Container(Node):
    """Makes the nodes of each camera; `open` starts them, `close` ends them. Raises ConfigError for a wrong parameter.

    pool, worker, local: what the nodes share.
    """

    def __init__(self, cameras_of: CamerasOf, **node_options: Any) -> None:
        super().__init__(_NODE, automatically_declare_parameters_from_overrides=True, **node_options)
        self.config = tool_settings(self, ContainerConfig, others=PARAMETERS)
        self._cameras_of = cameras_of
        self.pool, self.local = EnginePool(), LocalTopics()
        self.worker = FrameWorker(during=self.pool.frames)
        self.threads: list[CameraThread] = []

    def open(self) -> None:
        """Make and start the nodes. A camera whose nodes can't be made is an error in the log.

        Raises ConfigError where that is so of all cameras, and for a wrong list of cameras.
        """
        for entry in self._cameras_of(self.config.cameras):
            try:
                self.threads.append(CameraThread(entry.namespace or "camera", self._nodes_of(entry)))
            except Exception as error:  # rclpy's own, of a wrong name
                self.get_logger().error(f"camera {entry.namespace!r} is left out: {error}")
        if not self.threads:
            raise ConfigError("cameras", expected="at least one that can be used", got="none", fix="See the log above.")
        for thread in self.threads:
            thread.start()

    def close(self) -> None:
        """End the nodes, all at once."""
        for thread in self.threads:
            thread.end()
        for thread in self.threads:
            thread.join()
        self.worker.stop()

    def _nodes_of(self, entry: CameraEntry) -> list[ManagedNode]:
        report = self.get_logger().info
        makers: list[Callable[..., ManagedNode]] = [
            partial(
                PoseNode,
                opener=lambda config: open_pipeline(config=config, smooth=False, report=report, pool=self.pool),
                make_queue=self.worker.queue,
            )
        ]
        if entry.smoother:
            makers.append(partial(SmootherNode, opener=lambda config: open_smoother(config, report, self.pool)))
        nodes: list[ManagedNode] = []
        try:
            for kind, make in zip(("pose_node", "smoother_node"), makers, strict=False):
                nodes.append(self._made(kind, make, entry))
        except BaseException:
            for node in nodes:
                node.destroy_node()
            raise
        return nodes

    def _made(self, kind: str, make: Callable[..., ManagedNode], entry: CameraEntry) -> ManagedNode:
        own = entry.of_pose_node if kind == "pose_node" else entry.of_smoother_node
        given = [Parameter(name, value=value) for name, value in own.items()]
        return make(
            local=self.local,
            others=(*PARAMETERS, *(parameter.name for parameter in ContainerConfig.parameters().values())),
            parameter_overrides=given,
            cli_args=entry.arguments(kind, self.get_namespace()),
            context=self.context,
        )


class CameraThread(threading.Thread):
    """Spins the nodes of a camera, so that none waits for another camera's callbacks; `end` destroys them.

    An unexpected error of a callback is a problem of these nodes, and nothing else ends.
    """

    def __init__(self, name: str, nodes: Sequence[ManagedNode]) -> None:
        super().__init__(name=f"pose3d {name}", daemon=True)
        self.nodes = tuple(nodes)
        self._ended = threading.Event()

    def end(self) -> None:
        """Destroy the nodes soon, in their thread."""
        self._ended.set()

    def run(self) -> None:
        """See `threading.Thread`."""
        executor = SingleThreadedExecutor(context=self.nodes[0].context)
        try:
            for node in self.nodes:
                executor.add_node(node)
                self._guarded(node.autostart)
            while not self._ended.is_set() and rclpy.ok(context=self.nodes[0].context):
                self._guarded(lambda: executor.spin_once(timeout_sec=_POLL_S))
        finally:
            for node in reversed(self.nodes):  # the last, empty result of a pose_node is no frame to smooth
                executor.remove_node(node)
                self._guarded(node.destroy_node)
            executor.shutdown()

    def _guarded(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:
            if not rclpy.ok(context=self.nodes[0].context):
                return
            text = f"unexpected error of a callback:\n{traceback.format_exc()}"
            for node in self.nodes:
                node.board.report(f"unexpected {type(error).__name__}", Level.ERROR, text, hold_s=FRAME_PROBLEM_S)
            self._ended.wait(_POLL_S)  # one that comes at once again must not take a core


def run_container(cameras_of: CamerasOf, args: list[str] | None = None) -> int:
    """Run the cameras until Ctrl-C. Returns the exit code."""
    logging.getLogger("pose3d_ros").addHandler(logging.NullHandler())  # the nodes log what the library warns of
    return run_tool(partial(Container, cameras_of), _live, args)


def _live(container: Container, spin: Spin) -> None:
    try:
        container.open()
        while spin(_POLL_S):
            pass
    finally:
        container.close()
