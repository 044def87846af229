"""What a robot knows of the scene at an image: the floor, from TF, an IMU or parameters, and an aligned depth image."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu
from std_msgs.msg import Header

from pose3d_ros.bags.depth_decoding import DEPTH_SUFFIX, any_depth_m
from pose3d_ros.bags.message_records import stamp_ns
from pose3d_ros.config.root_settings import SceneConfig
from pose3d_ros.errors import ConfigError, Pose3DError
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.nodes.camera_source import CameraSource
from pose3d_ros.nodes.fitted_subscription import FittedSubscription
from pose3d_ros.nodes.problems import FRAME_PROBLEM_S, Level, ProblemBoard
from pose3d_ros.nodes.tf_frames import Missing, TfFrames
from pose3d_ros.nodes.topics import image_qos, subscribe
from pose3d_ros.records import DepthImage, time_after
from pose3d_ros.stages.roots.depth_reading import is_aligned
from pose3d_ros.types import Array

_TF_WAIT_S = 0.05
_DEPTH_WAIT_S = 0.05
"""How long an image waits for the depth image of its time, which is computed after it."""
_SAME_TIME_NS = 20_000_000
_KEPT = 30
"""Depth images, a second of them: an image may wait for the ones before it."""
_QUEUE_DEPTH = 8
_FLOOR, _DEPTH, _FIXED, _NO_TF = "floor", "depth", "fixed frame", "no TF"
"""Kinds of problems."""
_NO_DEPTH = "Until then depth is not used."
_GRAVITY_MPS2 = 9.81
_AT_REST = 0.15
"""Of gravity: an acceleration that differs more from it is the robot's own."""
_STEADY_S = 1.0
"""Time constant over which accelerations are averaged."""
_IMU_TILT_RAD = float(np.deg2rad(1.0))
_IMU_AGE_S = 1.0
"""A robot may have tilted since the last message; IMUs send a hundred a second."""


class SceneSource:
    """Subscriptions of a node to what tells of the scene; `close` ends them. `scene` may be replaced between images.

    tf_wait_s: how long an image may wait for a transform of its time; 0 on the thread that spins the node.
    """

    def __init__(self, node: Node, board: ProblemBoard, scene: SceneConfig, *, tf_wait_s: float = _TF_WAIT_S) -> None:
        self.scene, self._node, self._board, self._tf_wait_s = scene, node, board, tf_wait_s
        self._frames: TfFrames | None = None
        self._depths: deque[tuple[int, Any]] = deque(maxlen=_KEPT)
        self._arrived = threading.Condition()
        self._up_imu: tuple[str, Array, float] | None = None
        self._stamp_ns: int | None = None
        self._depth_subscriptions: list[FittedSubscription] = []
        self._subscriptions: list[Any] = []
        if scene.floor_frame or scene.imu_topic or scene.fixed_frame:
            self._open_frames()
        if scene.imu_topic:
            self._subscriptions.append(
                subscribe(node, Imu, scene.imu_topic, self._on_imu, image_qos("best_effort", 10))
            )
        if scene.depth_topic:
            self._open_depth(scene.depth_topic)

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        for fitted in self._depth_subscriptions:
            fitted.close()
        if self._frames is not None:
            self._frames.close()
        self._board.clear(_NO_TF)

    def ground(self, header: Header) -> GroundPlane | None:
        """The floor in the frame of an image, at its time; None where it is not known, which is reported."""
        if self._frames is None:
            return None
        if time_after(self._stamp_ns, stamp_ns(header)) is None:
            self._frames.forget()  # a recording that loops: what TF keeps is of times to come
        self._stamp_ns = stamp_ns(header)
        if not (self.scene.floor_frame or self.scene.imu_topic):
            return None
        try:
            return self._ground_of_tf(header) if self.scene.floor_frame else self._ground_of_imu(header)
        except Pose3DError as error:
            self._warn(_FLOOR, str(error))
            return None

    def cam2fixed(self, header: Header) -> RigidTransform | None:
        """Where the camera is in the fixed frame at an image's time; None where it is not known, which is reported."""
        if self._frames is None or not self.scene.fixed_frame:
            return None
        found, _ = self._at_time(self._frames, header, self.scene.fixed_frame)
        if not isinstance(found, Missing):
            return found
        self._warn(_FIXED, f"people are followed in the camera's frame, not in fixed_frame: {found.reason}")
        return None

    def depth(self, header: Header, camera: Camera) -> DepthImage | None:
        """The depth image of an image's time; None without one. camera: of the image."""
        if not self._depth_subscriptions:
            return None
        message = self._depth_at(stamp_ns(header))
        if message is None:
            self._warn(_DEPTH, self._why_no_depth())
            return None
        try:
            pixels_m = any_depth_m(message)
            depth = DepthImage(pixels_m, self._depth_cameras.camera_for(pixels_m.shape[1], pixels_m.shape[0]).camera)
        except Pose3DError as error:
            self._warn(_DEPTH, str(error))
            return None
        if message.header.frame_id.lstrip("/") == header.frame_id.lstrip("/") and is_aligned(depth, camera):
            return depth
        self._warn(
            _DEPTH,
            f"{self.scene.depth_topic} is not aligned with the image: another optical frame or field of view. "
            "Use the driver's aligned depth, such as RealSense's aligned_depth_to_color.",
        )
        return None

    def poll(self) -> None:
        """Follow the publishers of depth and its camera_info; called several times a second."""
        for fitted in self._depth_subscriptions:
            fitted.refit()

    def _warn(self, kind: str, text: str) -> None:
        self._board.report(kind, Level.WARN, text, hold_s=FRAME_PROBLEM_S)

    def _open_frames(self) -> None:
        try:
            self._frames = TfFrames(self._node)
        except ConfigError as error:
            self._board.report(_NO_TF, Level.WARN, f"floor and fixed frame are not known: {error}")

    def _open_depth(self, topic: str) -> None:
        info = "/".join([*topic.removesuffix(DEPTH_SUFFIX).split("/")[:-1], "camera_info"])
        self._depth_cameras = CameraSource(self._node.resolve_topic_name(info), 0.0, hint=_NO_DEPTH)
        kind = CompressedImage if topic.endswith(DEPTH_SUFFIX) else Image
        self._depth_subscriptions = [
            FittedSubscription(self._node, CameraInfo, info, self._on_depth_info, depth=_QUEUE_DEPTH, latched=True),
            FittedSubscription(self._node, kind, topic, self._on_depth, depth=_QUEUE_DEPTH),
        ]

    def _on_depth_info(self, message: CameraInfo) -> None:
        error = self._depth_cameras.update(message)
        if error is not None:
            self._warn(_DEPTH, str(error))

    def _on_depth(self, message: Any) -> None:
        with self._arrived:
            self._depths.append((stamp_ns(message.header), message))
            self._arrived.notify_all()

    def _depth_at(self, time_ns: int) -> Any | None:
        """The depth image nearest to that time; waits a little for one that is still to come."""
        until_s = time.monotonic() + _DEPTH_WAIT_S
        with self._arrived:
            while True:
                apart = [(abs(at_ns - time_ns), i) for i, (at_ns, _) in enumerate(self._depths)]
                if apart and min(apart)[0] <= _SAME_TIME_NS:
                    return self._depths[min(apart)[1]][1]
                left_s = until_s - time.monotonic()
                past = bool(self._depths) and self._depths[-1][0] > time_ns + _SAME_TIME_NS
                if left_s <= 0 or past or not self._depths:
                    return None
                self._arrived.wait(left_s)

    def _why_no_depth(self) -> str:
        topic = self.scene.depth_topic
        if not self._depths:
            return f"no depth image on {topic}: is the driver's aligned depth switched on?"
        within_ms = round(_DEPTH_WAIT_S * 1e3)
        return f"no depth image of the image's time within {within_ms} ms on {topic}: its stamps must be the images'"

    def _on_imu(self, message: Imu) -> None:
        up = _up_by_orientation(message)
        if up is None:
            up = _up_by_acceleration(message)
            if up is None:
                return
            if self._up_imu is not None and self._up_imu[0] == message.header.frame_id:
                share = 1.0 - np.exp(-max(time.monotonic() - self._up_imu[2], 0.0) / _STEADY_S)
                up = self._up_imu[1] + share * (up - self._up_imu[1])
        self._up_imu = (message.header.frame_id, up, time.monotonic())

    def _ground_of_tf(self, header: Header) -> GroundPlane | None:
        floor2cam = self._lookup(header, self.scene.floor_frame)
        return None if floor2cam is None else GroundPlane.of_floor_frame(floor2cam.rotation, floor2cam.translation_m)

    def _ground_of_imu(self, header: Header) -> GroundPlane | None:
        missing = self._why_no_tilt()
        if self._up_imu is None or missing:
            self._warn(_FLOOR, f"the floor is not known: {missing}")
            return None
        frame_id, up_imu, _ = self._up_imu
        imu2cam = self._lookup(header, frame_id)
        if imu2cam is None:
            return None
        height_m = self.scene.camera_height_m
        return GroundPlane.of_normal(imu2cam.rotate(up_imu), height_m, tilt_sigma_rad=_IMU_TILT_RAD, origin="imu")

    def _why_no_tilt(self) -> str:
        """In words; "" where the IMU tells it."""
        topic = self.scene.imu_topic
        if self.scene.camera_height_m <= 0:
            return "an IMU gives its tilt only. Set camera_height_m"
        if self._up_imu is None:
            return f"no message with a direction up on {topic}"
        age_s = time.monotonic() - self._up_imu[2]
        return f"no message with a direction up on {topic} for {age_s:.1f} s" if age_s > _IMU_AGE_S else ""

    def _lookup(self, header: Header, source_frame: str) -> RigidTransform | None:
        """From a frame to the image's, at the image's time; else the latest, as a camera's mounting hardly changes."""
        if self._frames is None:
            return None
        source = Header(stamp=header.stamp, frame_id=source_frame)
        found, latest = self._at_time(self._frames, source, header.frame_id)
        if not isinstance(found, Missing):
            return found
        if latest is None:
            self._warn(_FLOOR, f"the floor is not known: {found.reason}")
        return latest

    def _at_time(
        self, frames: TfFrames, source: Header, target: str
    ) -> tuple[RigidTransform | Missing, RigidTransform | None]:
        """To a frame at the time of the source, and the latest there is.

        Nothing is worth waiting for where TF does not connect the frames.
        """
        latest = frames.latest(source, target)
        return frames.wait_for(source, target, 0.0 if latest is None else self._tf_wait_s), latest


def _up_by_orientation(message: Imu) -> Array | None:
    """Up (3,) in the IMU's frame by its orientation in a frame whose z is up (REP 145); None where it has none."""
    turn = message.orientation
    values = (turn.x, turn.y, turn.z, turn.w)
    if message.orientation_covariance[0] < 0 or not np.isfinite(values).all() or not np.linalg.norm(values) > 0.5:
        return None
    up: Array = RigidTransform.from_quaternion(values, (0.0, 0.0, 0.0)).rotation[2].copy()
    return up


def _up_by_acceleration(message: Imu) -> Array | None:
    """Up (3,) in the IMU's frame: at rest it measures what holds it up; None while it moves."""
    a = message.linear_acceleration
    values = np.array([a.x, a.y, a.z])
    strength = float(np.linalg.norm(values)) / _GRAVITY_MPS2
    return values / (strength * _GRAVITY_MPS2) if abs(strength - 1.0) <= _AT_REST else None
