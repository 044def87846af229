"""One of the cameras of `fusion_node`: its people and camera_info, and where it is, from messages to views."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import NamedTuple

from pose3d_msgs.msg import Person3DArray
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from pose3d_ros.config.fusion_settings import FusionConfig
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.nodes.camera_source import CameraSource
from pose3d_ros.nodes.conversion import TrackNumbers, read_people
from pose3d_ros.nodes.fitted_subscription import FittedSubscription
from pose3d_ros.nodes.frame_stamps import FrameStamps
from pose3d_ros.nodes.input_rate import InputRate
from pose3d_ros.nodes.problems import FRAME_PROBLEM_S, Level, ProblemBoard
from pose3d_ros.nodes.tf_frames import Missing, TfFrames, TransformQueue
from pose3d_ros.nodes.timing import RateMeter
from pose3d_ros.records import Person
from pose3d_ros.stages.multiview.camera_view import CameraView

_NO_CAMERA = "Until then this camera's people are left out."
_DEPTH = 10


@dataclass(frozen=True, eq=False)
class ReceivedView:
    """What a camera's message says, placed in the common frame. arrived_s: monotonic seconds."""

    view: CameraView
    model: str
    calibrated: bool
    arrived_s: float


class _Waiting(NamedTuple):
    """A message until its transforms come. time_ns: at which it counts. camera_frame: of the camera_info."""

    message: Person3DArray
    people: tuple[Person, ...]
    time_ns: int
    camera: Camera
    camera_frame: str
    arrived_s: float


@dataclass(frozen=True, eq=False)
class CameraPlaces:
    """Where cameras are in the common frame: fixed, by name, or where that is None by TF, for which to wait so long."""

    common_frame: str
    wait_s: float
    frames: TfFrames | None = None
    fixed: Mapping[str, RigidTransform] | None = None
    takes_latest: bool = False

    def find(self, header: Header) -> RigidTransform | Missing:
        """From a frame to the common frame, as far as TF knows now."""
        if self.frames is None:
            return Missing("tf2_ros is not installed.", may_come=False)
        return self.frames.lookup(header, self.common_frame)

    def latest(self, header: Header) -> RigidTransform | None:
        """The same at TF's latest time, where that is wanted."""
        return self.frames.latest(header, self.common_frame) if self.takes_latest and self.frames else None


class FusedCamera:
    """Subscribes to a camera's people and camera_info; hands on each message as a view once its place is known.

    take: gets the views, on the executor's thread or, with TF, on one of the camera's own. reporting: the context in
    which errors of a message are reported; safe from any thread.
    """

    def __init__(
        self,
        node: Node,
        board: ProblemBoard,
        name: str,
        config: FusionConfig,
        places: CameraPlaces,
        take: Callable[[ReceivedView], None],
        reporting: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.name, self._node, self._board = name, node, board
        self._places, self._take, self._reporting = places, take, reporting
        self.topic = node.resolve_topic_name(f"{name}/{config.people_topic}")
        self.info_topic = node.resolve_topic_name(f"{name}/{config.camera_info_topic}")
        self.meter, self.rate = RateMeter(time.monotonic), InputRate(time.monotonic)
        self.stamps = FrameStamps(board, self.topic)
        self._cameras = CameraSource(self.info_topic, 0.0, rectified=config.rectified, hint=_NO_CAMERA)
        self._camera_frame = ""
        self._numbers = TrackNumbers()
        self._queue: TransformQueue[_Waiting] | None = None
        if places.fixed is None:
            self._queue = TransformQueue(self._find, self._ready, places.wait_s)
        self._people: FittedSubscription | None = None
        self._infos: FittedSubscription | None = None

    def start(self) -> None:
        """Subscribe."""
        self._people = FittedSubscription(self._node, Person3DArray, self.topic, self._on_people, depth=_DEPTH)
        self._infos = FittedSubscription(
            self._node, CameraInfo, self.info_topic, self._on_info, depth=_DEPTH, latched=True
        )
        self.rate.restart()

    def stop(self) -> None:
        """Unsubscribe; no view is handed on after this returned."""
        for subscription in (self._people, self._infos):
            if subscription is not None:
                subscription.close()
        self._people = self._infos = None
        if self._queue is not None:
            self._queue.discard()

    def close(self) -> None:
        """End the thread; stopped before."""
        if self._queue is not None:
            self._queue.stop()

    def poll(self) -> None:
        """Follow the publishers; called several times a second while there is work."""
        for subscription in (self._people, self._infos):
            if subscription is not None:
                subscription.refit()

    @property
    def lost(self) -> int:
        """Messages with people that DDS knows to have lost."""
        return 0 if self._people is None else self._people.lost

    @property
    def has_camera(self) -> bool:
        """Whether a camera_info came."""
        return self._cameras.received > 0

    def _on_info(self, message: CameraInfo) -> None:
        self._camera_frame = message.header.frame_id
        error = self._cameras.update(message)
        if error is not None:
            self._board.report_error(error, Level.ERROR, hold_s=FRAME_PROBLEM_S)

    def _on_people(self, message: Person3DArray) -> None:
        arrived_s = time.monotonic()
        self.meter.tick()
        self.rate.tick()
        time_ns = self.stamps.time_of(message.header, arrived_s, self._node.get_clock().now().nanoseconds)
        if time_ns is None:
            return
        with self._reporting():
            people = read_people(message, self._numbers)
            waiting = _Waiting(message, people, time_ns, self._cameras.latest(), self._camera_frame, arrived_s)
            if self._queue is None:
                assert self._places.fixed is not None
                self._hand_on(waiting, self._places.fixed[self.name])
            else:
                self._queue.put(waiting)

    def _find(self, waiting: _Waiting) -> RigidTransform | Missing:
        """Where the camera is; also whether it is known where the people's frame is, which mostly is the camera's."""
        for frame_id in dict.fromkeys((waiting.message.header.frame_id, waiting.camera_frame)):
            found = self._places.find(Header(stamp=waiting.message.header.stamp, frame_id=frame_id))
            if isinstance(found, Missing):
                return found
        return found

    def _ready(self, waiting: _Waiting, found: RigidTransform | Missing) -> None:
        """On the queue's thread."""
        with self._reporting():
            if isinstance(found, Missing):
                header = Header(stamp=waiting.message.header.stamp, frame_id=waiting.camera_frame)
                latest = self._places.latest(header)
                done = "left out" if latest is None else "placed by the latest transform"
                text = f"{self.topic}: people are {done} (tf_on_timeout): {found.reason}"
                self._board.report(f"{self.topic}: {done}", Level.WARN, text, hold_s=FRAME_PROBLEM_S)
                if latest is None:
                    return
                found = latest
            self._hand_on(waiting, found)

    def _hand_on(self, waiting: _Waiting, cam2common: RigidTransform) -> None:
        people, frame_id = waiting.people, waiting.message.header.frame_id
        if frame_id != waiting.camera_frame and self._places.fixed is None:
            people2common = self._places.find(waiting.message.header)
            if isinstance(people2common, RigidTransform):
                people = _in_camera(waiting.message, people, cam2common.inverse().after(people2common))
        view = CameraView(self.name, waiting.camera, cam2common, waiting.time_ns, people)
        self._take(ReceivedView(view, waiting.message.model, waiting.message.calibrated, waiting.arrived_s))


def _in_camera(message: Person3DArray, people: Sequence[Person], people2cam: RigidTransform) -> tuple[Person, ...]:
    """People that were published in another frame, in that of their camera again."""
    moved = []
    for said, person in zip(message.people, people, strict=True):
        variance_m2 = float(sum(said.root_covariance[::4]))  # of the distance alone, whatever the frame
        pose = replace(
            person.pose,
            root_cam_m=people2cam.apply(person.pose.root_cam_m),
            joints_cam_m=people2cam.apply(person.pose.joints_cam_m),
            root_sigma_m=math.sqrt(variance_m2) if said.root_covariance[0] >= 0 else math.nan,
        )
        moved.append(replace(person, pose=pose, velocity_cam_mps=people2cam.rotate(person.velocity_cam_mps)))
    return tuple(moved)
