"""A scene source of a node, with stand-ins of tf2_ros and of the clock."""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.time import Time
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header

from pose3d_ros.config.root_settings import SceneConfig
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.nodes.problems import FRAME_PROBLEM_S, Level, ProblemBoard
from pose3d_ros.nodes.scene_source import SceneSource

CAMERA = Camera.from_hfov(60.0, 64, 48)


class UnknownTransform(Exception):
    """As tf2_ros.TransformException."""


class Buffer:
    """As tf2_ros.Buffer, of transforms that do not move; latest_ns: the last time that TF knows."""

    def __init__(self, node: Any = None) -> None:
        self.known: dict[tuple[str, str], TransformStamped] = {}
        self.latest_ns: int | None = None
        self.cleared = 0

    def clear(self) -> None:
        """Forget what moves; how often it was called counts."""
        self.cleared += 1

    def know(self, target: str, source: str, rotation: Rotation, translation_m: tuple[float, float, float]) -> None:
        """From the source frame to the target."""
        made = TransformStamped()
        turn, move = made.transform.rotation, made.transform.translation
        turn.x, turn.y, turn.z, turn.w = rotation.as_quat().tolist()
        move.x, move.y, move.z = translation_m
        self.known[target, source] = made

    def lookup_transform(self, target: str, source: str, when: Time) -> TransformStamped:
        """As it is known, but for times after the last."""
        if (target, source) not in self.known or (self.latest_ns is not None and when.nanoseconds > self.latest_ns):
            raise UnknownTransform("not known")
        return self.known[target, source]


class SceneRig:
    """A scene source of a node with stand-ins of tf2_ros and of the clock."""

    def __init__(self, graph: Any, **scene: Any) -> None:
        self.graph, self.now_s = graph, 0.0
        self.logged: list[tuple[Level, str]] = []
        self.board = ProblemBoard(lambda level, text: self.logged.append((level, text)), lambda: self.now_s)
        self.source = SceneSource(graph.node, self.board, SceneConfig(**scene))
        if self.source._frames is not None:
            self.mount()

    def mount(self) -> None:
        """The camera 1.2 m above the floor, 6 degrees down; the IMU on it, its x ahead and its z up when level."""
        ahead, down = np.cos(np.deg2rad(6.0)), np.sin(np.deg2rad(6.0))
        floor2cam = Rotation.from_matrix([[0.0, -1.0, 0.0], [-down, 0.0, -ahead], [ahead, 0.0, -down]])
        imu2cam = Rotation.from_matrix([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
        move_m = tuple((-1.2 * floor2cam.as_matrix()[:, 2]).tolist())
        self.buffer.know("optical", "base_footprint", floor2cam, move_m)
        self.buffer.know("optical", "imu", imu2cam, (0.0, 0.1, 0.0))

    @property
    def buffer(self) -> Buffer:
        assert self.source._frames is not None
        buffer: Buffer = self.source._frames._buffer
        return buffer

    def ground(self, stamp_s: float = 5.0) -> GroundPlane | None:
        return self.source.ground(header(stamp_s))

    def depth(self, stamp_s: float = 5.0, camera: Camera = CAMERA) -> Any:
        return self.source.depth(header(stamp_s), camera)

    @property
    def problems(self) -> list[str]:
        """What diagnostics show now; all of it warnings."""
        current = self.board.current()
        assert all(problem.level == Level.WARN for problem in current)
        return [problem.text for problem in current]

    def later(self) -> None:
        """So much that what was a problem of one frame is over."""
        self.now_s += FRAME_PROBLEM_S + 0.1


def header(stamp_s: float, frame_id: str = "optical") -> Header:
    return Header(stamp=Time(nanoseconds=round(stamp_s * 1e9)).to_msg(), frame_id=frame_id)
