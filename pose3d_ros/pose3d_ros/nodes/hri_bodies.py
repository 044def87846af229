"""What `hri_bridge` publishes of one body, under /humans/bodies/<id>."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from geometry_msgs.msg import PointStamped, TransformStamped, TwistStamped
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header, String

from pose3d_ros.nodes.hri_messages import (
    body_transforms,
    joint_state,
    position_message,
    roi_message,
    skeleton2d_message,
    velocity_message,
)
from pose3d_ros.nodes.topics import advertise, latched_qos, result_qos
from pose3d_ros.people.kinematics.human_angles import body_pose, valid_points
from pose3d_ros.people.kinematics.human_model import BodySizes
from pose3d_ros.people.kinematics.human_sizes import BodySizer, changed
from pose3d_ros.people.kinematics.human_urdf import human_urdf
from pose3d_ros.records import Person, TrackState


class Moment(NamedTuple):
    """What the people of a message share. size_px: of the image, None while unknown. links: TF of all links."""

    header: Header
    size_px: tuple[int, int] | None
    links: bool


class Body:
    """Publishers of one body, and its URDF as a latched topic and as the node's parameter human_description_<id>.

    messages: of the package hri_msgs. folder: of the topics. Raises ConfigError for a wrong override of their quality
    of service.
    """

    def __init__(self, node: Node, messages: Any, folder: str, name: str) -> None:
        self._node, self._messages, self._name = node, messages, name
        self._sizer, self._modeled, self._closed = BodySizer(), BodySizes(), False
        self._parameter = f"human_description_{name}"
        qos, latched = result_qos(), latched_qos()
        kinds: dict[str, tuple[Any, Any]] = {
            "roi": (messages.NormalizedRegionOfInterest2D, qos),
            "cropped": (Image, qos),
            "skeleton2d": (messages.Skeleton2D, qos),
            "joint_states": (JointState, qos),
            "position": (PointStamped, qos),
            "velocity": (TwistStamped, qos),
            "urdf": (String, latched),
        }
        self._topics = {
            topic: advertise(node, kind, f"{folder}/{name}/{topic}", kind_qos)
            for topic, (kind, kind_qos) in kinds.items()
        }

    def publish(self, moment: Moment, person: Person) -> Sequence[TransformStamped]:
        """Publish all but the crop of an image; returns the transforms to broadcast.

        What is of the image is left out for a person who was not seen in it, and while the images' size is unknown.
        """
        header, size_px = moment.header, moment.size_px
        if size_px is not None and person.state == TrackState.TRACKED:
            self._topics["roi"].publish(roi_message(self._messages, header, person, size_px))
            self._topics["skeleton2d"].publish(skeleton2d_message(self._messages, header, person, size_px))
        points = valid_points(person.pose.joints_cam_m, person.pose.skeleton)
        pose = body_pose(points)
        if pose is None:
            return ()
        sizes = self._sizer.update(points, pose)
        self._model(sizes)
        self._topics["joint_states"].publish(joint_state(header, self._name, pose))
        self._topics["position"].publish(position_message(header, pose))
        self._topics["velocity"].publish(velocity_message(header, self._name, pose, person))
        return body_transforms(header, self._name, pose, self._modeled, links=moment.links)

    def wants_crops(self) -> bool:
        """Whether the crops have a subscriber."""
        return not self._closed and self._topics["cropped"].get_subscription_count() > 0

    def publish_crop(self, image: Image) -> None:
        """Publish the person's part of an image, unless the body has left."""
        if not self._closed:
            self._topics["cropped"].publish(image)

    def close(self) -> None:
        """Destroy the publishers and the parameter."""
        self._closed = True
        for publisher in self._topics.values():
            self._node.destroy_publisher(publisher)
        if self._node.has_parameter(self._parameter):
            self._node.undeclare_parameter(self._parameter)

    def _model(self, sizes: BodySizes) -> None:
        """Publish the URDF, first and when the bone lengths have become other ones."""
        known = self._node.has_parameter(self._parameter)
        if known and not changed(sizes, self._modeled):
            return
        self._modeled = sizes
        urdf = human_urdf(sizes, self._name)
        if known:
            self._node.set_parameters([Parameter(self._parameter, value=urdf)])
        else:
            self._node.declare_parameter(self._parameter, urdf, ignore_override=True)
        self._topics["urdf"].publish(String(data=urdf))
