"""People as marker messages for RViz and Foxglove: joints, bones and a label each, with ids that stay the same."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

from builtin_interfaces.msg import Duration as DurationMsg
from pose3d_msgs.msg import Person3D, Person3DArray
from rclpy.duration import Duration
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from pose3d_ros.drawing.marker_lines import BONE_M, JOINT_M, LABEL_M, MarkerLines, Rgba, marker_lines
from pose3d_ros.records import Person

JOINTS, BONES, LABEL = 0, 1, 2
"""Ids of a person's markers in the namespace of the person's id."""


class MarkerMaker:
    """Makes a MarkerArray of each frame; remembers who is shown, to take away who is gone."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    def clear(self, header: Header) -> MarkerArray:
        """Everything away: for activation, deactivation and a clock that jumped."""
        self._shown.clear()
        return MarkerArray(markers=[Marker(header=header, action=Marker.DELETEALL)])

    def make(self, message: Person3DArray, people: Sequence[Person], lifetime_s: float) -> MarkerArray:
        """The markers of a frame.

        message: where to draw, in the frame of its header. people: the same people in the camera's frame, whose
        distance the labels give. lifetime_s: 0 for ever.
        """
        lifetime = Duration(seconds=lifetime_s).to_msg()
        markers: list[Marker] = []
        shown: set[str] = set()
        for placed, person in zip(message.people, people, strict=True):
            lines = marker_lines(person)
            if lines is not None:
                shown.add(placed.id)
                markers += _person_markers(message.header, lifetime, placed, lines)
        markers += _deletions(message.header, self._shown - shown)
        self._shown = shown
        return MarkerArray(markers=markers)


def _person_markers(
    header: Header, lifetime: DurationMsg, placed: Person3D, lines: MarkerLines
) -> tuple[Marker, Marker, Marker]:
    def marker(marker_id: int, kind: int) -> Marker:
        made = Marker(header=header, ns=placed.id, id=marker_id, type=kind, action=Marker.ADD)
        made.lifetime, made.color = lifetime, _color(lines.color)
        made.pose.orientation.w = 1.0
        return made

    positions = [joint.position for joint in placed.joints]
    joints = marker(JOINTS, Marker.SPHERE_LIST)
    joints.scale.x = joints.scale.y = joints.scale.z = JOINT_M
    joints.points = [positions[joint] for joint in lines.joints]
    bones = marker(BONES, Marker.LINE_LIST)
    bones.scale.x = BONE_M
    bones.points = [positions[joint] for edge, _ in lines.edges for joint in edge]
    bones.colors = [_color(color) for _, color in lines.edges for _ in range(2)]
    label = marker(LABEL, Marker.TEXT_VIEW_FACING)
    label.scale.z = LABEL_M
    label.pose.position = placed.root if lines.label_joint is None else positions[lines.label_joint]
    label.text = f"{placed.id}  {lines.distance_m:.2f} m"
    return joints, bones, label


def _deletions(header: Header, namespaces: Iterable[str]) -> list[Marker]:
    return [
        Marker(header=header, ns=namespace, id=marker_id, action=Marker.DELETE)
        for namespace in sorted(namespaces)
        for marker_id in (JOINTS, BONES, LABEL)
    ]


@functools.cache  # a message costs more than all else here, and there are few colors
def _color(color: Rgba) -> ColorRGBA:
    red, green, blue, alpha = color
    return ColorRGBA(r=red, g=green, b=blue, a=alpha)
