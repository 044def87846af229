"""TF: people in another frame, and people as frames. Both need tf2_ros, which not every installation has."""

from __future__ import annotations

import importlib
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

from pose3d_ros.bags.message_records import rigid_of
from pose3d_ros.errors import ConfigError
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.nodes.conversion import Published
from pose3d_ros.types import Array

_POLL_S = 0.005
_T = TypeVar("_T")


@dataclass(frozen=True)
class Missing:
    """Why there is no transform, and what to do. may_come: whether to wait for it."""

    reason: str
    may_come: bool


class TfFrames:
    """A TF listener and broadcaster of a node. Raises ConfigError where tf2_ros is missing."""

    def __init__(self, node: Node) -> None:
        try:
            tf2_ros: Any = importlib.import_module("tf2_ros")  # not among the wheels
        except ImportError as error:
            raise ConfigError(
                "TF",
                expected="tf2_ros, for target_frame, publish_tf, floor_frame, fixed_frame and imu_topic",
                got=str(error),
                fix="Install it (ros-$ROS_DISTRO-tf2-ros-py), or leave these parameters unset.",
            ) from error
        self._node, self._broadcaster_of = node, tf2_ros.TransformBroadcaster
        self._buffer = tf2_ros.Buffer(node=node)
        self._listener = tf2_ros.TransformListener(self._buffer, node)
        self._broadcaster: Any = None
        self._unknown: type[Exception] = tf2_ros.TransformException

    def lookup(self, header: Header, target_frame: str) -> RigidTransform | Missing:
        """From the header's frame to the target at the header's time, as far as TF is known now."""
        stamp = Time.from_msg(header.stamp)
        try:
            return rigid_of(self._buffer.lookup_transform(target_frame, header.frame_id, stamp).transform)
        except self._unknown:
            return self._missing(header.frame_id, target_frame, stamp)

    def wait_for(self, header: Header, target_frame: str, timeout_s: float) -> RigidTransform | Missing:
        """As `lookup`, waiting for what may come; not on the thread that spins the node."""
        until_s = time.monotonic() + timeout_s
        while True:
            found = self.lookup(header, target_frame)
            if not isinstance(found, Missing) or not found.may_come or time.monotonic() >= until_s:
                return found
            time.sleep(_POLL_S)

    def latest(self, header: Header, target_frame: str) -> RigidTransform | None:
        """The same at the latest time that TF knows; None where it does not connect the frames."""
        try:
            return rigid_of(self._buffer.lookup_transform(target_frame, header.frame_id, Time()).transform)
        except self._unknown:
            return None

    def _missing(self, source_frame: str, target_frame: str, stamp: Time) -> Missing:
        try:
            newest = self._buffer.lookup_transform(target_frame, source_frame, Time()).header.stamp
        except self._unknown:
            fix = "Who publishes it? See `ros2 run tf2_tools view_frames`."
            return Missing(f"TF does not connect {source_frame!r} and {target_frame!r}. {fix}", may_come=True)
        ahead_s = (stamp.nanoseconds - Time.from_msg(newest).nanoseconds) * 1e-9
        if ahead_s > 0:
            fix = "Raise tf_timeout_s, or publish TF sooner and at a higher rate."
            return Missing(f"the image is {ahead_s:.2f} s ahead of TF. {fix}", may_come=True)
        fix = "Are images and TF stamped by one clock?"
        return Missing(f"the image is older than all that TF keeps, {-ahead_s:.2f} s before its latest. {fix}", False)

    def forget(self) -> None:
        """Drop the transforms so far: the clock went back."""
        self._buffer.clear()

    def broadcast(self, published: Published, *, joints: bool) -> None:
        """Each person's root as a frame with the person's id as its name; see `person_transforms`."""
        if self._broadcaster is None:
            self._broadcaster = self._broadcaster_of(self._node)
        self._broadcaster.sendTransform(person_transforms(published, joints=joints))

    def close(self) -> None:
        """Stop listening and broadcasting; tf2's own `unregister` leaves the buffer's service and the publisher."""
        self._listener.unregister()
        if (service := getattr(self._buffer, "srv", None)) is not None:
            self._node.destroy_service(service)
        if self._broadcaster is not None:
            self._node.destroy_publisher(self._broadcaster.pub_tf)
            self._broadcaster = None


class TransformQueue(Generic[_T]):
    """Hands items on, in order, each with its transform or, after its wait, why there is none; on a thread of its own.

    find: the transform of an item as far as it is known now. ready: must handle its own errors. timeout_s: how long an
    item may wait, from `put` on.
    """

    def __init__(
        self,
        find: Callable[[_T], RigidTransform | Missing],
        ready: Callable[[_T, RigidTransform | Missing], None],
        timeout_s: float,
    ) -> None:
        self._find, self._ready, self._timeout_s = find, ready, timeout_s
        self._items: deque[tuple[_T, float]] = deque()
        self._stopped = False
        self._changed = threading.Condition()
        self._in_hand = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="pose3d-transforms", daemon=True)
        self._thread.start()

    def put(self, item: _T) -> None:
        """Add an item."""
        with self._changed:
            self._items.append((item, time.monotonic() + self._timeout_s))
            self._changed.notify()

    def discard(self) -> None:
        """Drop what waits; none of it is handed on after this returned."""
        with self._in_hand, self._changed:
            self._items.clear()

    def stop(self) -> None:
        """End the thread; what waits is dropped."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._stopped)
                if self._stopped:
                    return
            with self._in_hand:
                handed = self._hand_on()
            if not handed:
                time.sleep(_POLL_S)

    def _hand_on(self) -> bool:
        """Whether the first item could be handed on; also true when it was dropped meanwhile."""
        with self._changed:
            if not self._items:
                return True
            item, until_s = self._items[0]
        found = self._find(item)
        if isinstance(found, Missing) and found.may_come and time.monotonic() < until_s:
            return False
        with self._changed:
            self._items.popleft()
        self._ready(item, found)
        return True


def person_transforms(published: Published, *, joints: bool) -> list[TransformStamped]:
    """A transform from the published frame to each person's root, and from there to each valid joint where asked for.

    Axes stay parallel to those of the published frame. Joints are children of their own person, as in REP-155, so that
    a person is one branch of the tree; none is another's child, so that an invalid one takes no other away.
    """
    transforms = []
    for name, person, placed in published.placed():
        transforms.append(_shift(published.header, name, placed.root_m))
        if joints:
            below = Header(stamp=published.header.stamp, frame_id=name)
            rows = zip(person.pose.skeleton.joints, placed.from_root_m, strict=True)
            transforms += [_shift(below, f"{name}/{joint}", at_m) for joint, at_m in rows if np.isfinite(at_m).all()]
    return transforms


def _shift(header: Header, child_frame_id: str, to_m: Array) -> TransformStamped:
    """To a frame with the same axes."""
    made = TransformStamped(header=header, child_frame_id=child_frame_id)
    move = made.transform.translation
    move.x, move.y, move.z = to_m.tolist()
    made.transform.rotation.w = 1.0
    return made
