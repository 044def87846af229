"""TF: people in another frame, and people as frames. Both need tf2_ros, which not every installation has."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from geometry_msgs.msg import TransformStamped
from pose3d_msgs.msg import Person3DArray
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

from pose3d_ros.errors import ConfigError
from pose3d_ros.geometry.alignment import RigidTransform


class TfFrames:
    """A TF listener and broadcaster of a node.

    wait_s: how long a look-up may wait for its transform; only while another thread spins the node, else 0. Raises
    ConfigError where tf2_ros is missing.
    """

    def __init__(self, node: Node, wait_s: float) -> None:
        try:
            tf2_ros: Any = importlib.import_module("tf2_ros")  # not among the wheels
        except ImportError as error:
            raise ConfigError(
                "TF",
                expected="tf2_ros, for target_frame and publish_tf",
                got=str(error),
                fix="Install it (ros-$ROS_DISTRO-tf2-ros-py), or leave both parameters unset.",
            ) from error
        self._wait = Duration(seconds=wait_s)
        self._buffer = tf2_ros.Buffer(node=node)
        self._listener = tf2_ros.TransformListener(self._buffer, node)
        self._broadcaster = tf2_ros.TransformBroadcaster(node)
        self._unknown: type[Exception] = tf2_ros.TransformException

    def lookup(self, header: Header, target_frame: str) -> RigidTransform | None:
        """From the header's frame to the target at the header's time; None while TF does not know it."""
        try:
            stamp = Time.from_msg(header.stamp)
            found = self._buffer.lookup_transform(target_frame, header.frame_id, stamp, timeout=self._wait)
        except self._unknown:
            return None
        turn, move = found.transform.rotation, found.transform.translation
        return RigidTransform.from_quaternion((turn.x, turn.y, turn.z, turn.w), (move.x, move.y, move.z))

    def broadcast(self, message: Person3DArray) -> None:
        """Each person's root as a frame with the person's id as its name."""
        self._broadcaster.sendTransform(root_transforms(message))

    def close(self) -> None:
        """Stop listening."""
        self._listener.unregister()


def root_transforms(message: Person3DArray) -> Sequence[TransformStamped]:
    """A transform from the message's frame to each person's root, axes parallel to the frame's."""
    transforms = []
    for person in message.people:
        made = TransformStamped(header=message.header, child_frame_id=person.id)
        root, translation = person.root, made.transform.translation
        translation.x, translation.y, translation.z = root.x, root.y, root.z
        made.transform.rotation.w = 1.0
        transforms.append(made)
    return transforms
