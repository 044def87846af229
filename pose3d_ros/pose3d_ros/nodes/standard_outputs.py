"""People as messages that other packages read: vision_msgs, geometry_msgs, people_msgs.

vision_msgs and people_msgs are optional: where one is missing, its topics are too, and a warning says how to get it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Pose, PoseArray, PoseWithCovariance, Quaternion, Vector3
from rclpy.node import Node

from pose3d_ros.config.optional_packages import how_to_get
from pose3d_ros.config.output_settings import OutputConfig
from pose3d_ros.errors import ConfigError
from pose3d_ros.nodes.conversion import Published
from pose3d_ros.nodes.problems import ProblemBoard
from pose3d_ros.nodes.topics import advertise, message_class, result_qos
from pose3d_ros.people.placing import Placed, heading_quaternion, heading_rad, image_box, joint_box, place
from pose3d_ros.records import Person
from pose3d_ros.types import Array

CLASS_ID = "person"
"""The class of every detection."""

_PROBLEMS = "standard outputs"


def detections_3d(published: Published) -> Any:
    """A vision_msgs/Detection3DArray: boxes around the joints, with edges along the frame's axes."""
    array = _new("vision_msgs/msg/Detection3DArray", header=published.header)
    for name, person, placed in published.placed():
        center_m, size_m = joint_box(placed)
        detection = _new("vision_msgs/msg/Detection3D", header=published.header, id=name)
        detection.results = [_hypothesis(person, placed, published.optical)]
        detection.bbox.center.position = _point(center_m)
        detection.bbox.size = _vector(size_m)
        array.detections.append(detection)
    return array


def detections_2d(published: Published) -> Any:
    """A vision_msgs/Detection2DArray: boxes in the image, poses in the camera's frame."""
    array = _new("vision_msgs/msg/Detection2DArray", header=published.image_header)
    for name, person in zip(published.names, published.people, strict=True):
        center_px, size_px = image_box(person)
        detection = _new("vision_msgs/msg/Detection2D", header=published.image_header, id=name)
        detection.results = [_hypothesis(person, place(person, None), optical=True)]
        detection.bbox.center.position.x, detection.bbox.center.position.y = center_px.tolist()
        detection.bbox.size_x, detection.bbox.size_y = size_px.tolist()
        array.detections.append(detection)
    return array


def pose_array(published: Published) -> PoseArray:
    """The roots, each with its x axis where the person faces."""
    made = [_pose(person, placed, published.optical) for _, person, placed in published.placed()]
    return PoseArray(header=published.header, poses=made)


def people_message(published: Published) -> Any:
    """A people_msgs/People."""
    array = _new("people_msgs/msg/People", header=published.header)
    for name, person, placed in published.placed():
        made = _new("people_msgs/msg/Person", name=name, reliability=float(person.score))
        made.position, made.velocity = _point(placed.root_m), _point(placed.velocity_mps)
        array.people.append(made)
    return array


@dataclass(frozen=True)
class _Output:
    """A topic. name: without suffix; also its parameter's, without `publish_`."""

    name: str
    msgtype: str
    make: Callable[[Published], Any]

    @property
    def package(self) -> str:
        return self.msgtype.partition("/")[0]


_OUTPUTS = (
    _Output("detections_3d", "vision_msgs/msg/Detection3DArray", detections_3d),
    _Output("detections_2d", "vision_msgs/msg/Detection2DArray", detections_2d),
    _Output("poses", "geometry_msgs/msg/PoseArray", pose_array),
    _Output("people_msgs", "people_msgs/msg/People", people_message),
)


class StandardOutputs:
    """Publishers of those that a configuration asks for.

    suffix: of the topics' names. Raises ConfigError for a wrong override of a topic's quality of service.
    """

    def __init__(self, node: Node, suffix: str, config: OutputConfig, board: ProblemBoard) -> None:
        self._node, self._board = node, board
        self.publishers: list[Any] = []
        self._makers: list[Callable[[Published], Any]] = []
        missing: dict[tuple[str, str], list[str]] = {}  # package, reason → outputs
        for output in _OUTPUTS:
            if getattr(config, f"publish_{output.name}"):
                reason = self._open(output, output.name + suffix)
                if reason:
                    missing.setdefault((output.package, reason), []).append(output.name)
        board.show_warnings(_PROBLEMS, [_missing(*kind, names, suffix) for kind, names in missing.items()])

    def wanted(self) -> bool:
        """Whether one has a subscriber."""
        return any(publisher.get_subscription_count() > 0 for publisher in self.publishers)

    def publish(self, published: Published, send: Callable[[Any, object], None]) -> None:
        """Those that have subscribers. send: called with the publisher and the message."""
        for publisher, make in zip(self.publishers, self._makers, strict=True):
            if publisher.get_subscription_count() > 0:
                send(publisher, make(published))

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in self.publishers:
            self._node.destroy_publisher(publisher)
        self._board.show_warnings(_PROBLEMS, ())

    def _open(self, output: _Output, topic: str) -> str:
        """Advertise a topic; why not, where its messages are not installed."""
        kind = message_class(output.msgtype)
        if kind is None:
            return "none"
        try:
            publisher = advertise(self._node, kind, topic, result_qos())
        except ConfigError:
            raise
        except Exception as error:  # rclpy's own, of a package that was built for another ROS or Python
            return str(error)
        self.publishers.append(publisher)
        self._makers.append(output.make)
        return ""


def _missing(package: str, reason: str, names: Sequence[str], suffix: str) -> str:
    topics, parameters = (", ".join(part) for part in ([n + suffix for n in names], [f"publish_{n}" for n in names]))
    fix = f"{how_to_get(package)}; then configure the node again, or unset {parameters}."
    return f"not published: {topics}: expected the package {package}, got {reason}. Fix: {fix}"


def _new(msgtype: str, **fields: object) -> Any:
    """A message of an optional package; only called for topics that could be advertised."""
    kind: Any = message_class(msgtype)
    return kind(**fields)


def _hypothesis(person: Person, placed: Placed, optical: bool) -> Any:
    made = _new("vision_msgs/msg/ObjectHypothesisWithPose")
    made.hypothesis.class_id, made.hypothesis.score = CLASS_ID, float(person.score)
    made.pose = PoseWithCovariance(pose=_pose(person, placed, optical))
    if placed.covariance_m2 is not None:
        covariance = np.zeros((6, 6))
        covariance[:3, :3] = placed.covariance_m2
        made.pose.covariance = covariance.ravel()
    return made


def _pose(person: Person, placed: Placed, optical: bool) -> Pose:
    heading = heading_rad(placed.joints_m, person.pose.skeleton, optical=optical)
    x, y, z, w = heading_quaternion(heading, optical=optical)
    return Pose(position=_point(placed.root_m), orientation=Quaternion(x=x, y=y, z=z, w=w))


def _point(values: Array) -> Point:
    x, y, z = values.tolist()
    return Point(x=x, y=y, z=z)


def _vector(values: Array) -> Vector3:
    x, y, z = values.tolist()
    return Vector3(x=x, y=y, z=z)
