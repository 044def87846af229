"""People as markers for RViz and Foxglove: joints, bones and a label each, with ids that stay the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from builtin_interfaces.msg import Duration as DurationMsg
from geometry_msgs.msg import Point
from pose3d_msgs.msg import Person3D, Person3DArray
from rclpy.duration import Duration
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from pose3d_ros.drawing.colors import bgr, edge_hex, person_hex
from pose3d_ros.records import Person, TrackState
from pose3d_ros.skeletons import Skeleton

JOINTS, BONES, LABEL = 0, 1, 2
"""Ids of a person's markers in the namespace of the person's id."""

_JOINT_M, _BONE_M, _TEXT_M = 0.06, 0.03, 0.18
_PREDICTED_ALPHA = 0.35
_LABEL_JOINTS = ("Head_top", "Head", "Nose", "Neck", "Thorax")


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
            if person.state != TrackState.LOST:
                shown.add(placed.id)
                markers += _person_markers(message.header, lifetime, placed, person)
        markers += _deletions(message.header, self._shown - shown)
        self._shown = shown
        return MarkerArray(markers=markers)


def _person_markers(header: Header, lifetime: DurationMsg, placed: Person3D, person: Person) -> tuple[Marker, ...]:
    skeleton = person.pose.skeleton
    alpha = _PREDICTED_ALPHA if person.state == TrackState.PREDICTED else 1.0
    colour = _colour(person_hex(person.track_id), alpha)
    joints = _marker(header, lifetime, placed.id, JOINTS, Marker.SPHERE_LIST, colour)
    joints.scale.x = joints.scale.y = joints.scale.z = _JOINT_M
    joints.points = [joint.position for joint in placed.joints if joint.valid]
    bones = _marker(header, lifetime, placed.id, BONES, Marker.LINE_LIST, colour)
    bones.scale.x = _BONE_M
    _add_bones(bones, placed, skeleton, alpha)
    label = _marker(header, lifetime, placed.id, LABEL, Marker.TEXT_VIEW_FACING, colour)
    label.scale.z = _TEXT_M
    label.pose.position = _label_position(placed, skeleton)
    label.text = f"{placed.id}  {float(np.linalg.norm(person.pose.root_cam_m)):.2f} m"
    return joints, bones, label


def _add_bones(marker: Marker, placed: Person3D, skeleton: Skeleton, alpha: float) -> None:
    """Bones with both ends valid, coloured by the side of the body."""
    points: list[Point] = []
    colours: list[ColorRGBA] = []
    for edge in skeleton.edges:
        ends = [placed.joints[index] for index in edge]
        if all(joint.valid for joint in ends):
            points += [joint.position for joint in ends]
            colours += [_colour(edge_hex(skeleton, edge), alpha)] * len(ends)
    marker.points = points
    marker.colors = colours


def _label_position(placed: Person3D, skeleton: Skeleton) -> Point:
    found = (placed.joints[skeleton.index_of[name]] for name in _LABEL_JOINTS if name in skeleton.index_of)
    return next((joint.position for joint in found if joint.valid), placed.root)


def _marker(
    header: Header, lifetime: DurationMsg, namespace: str, marker_id: int, kind: int, colour: ColorRGBA
) -> Marker:
    marker = Marker(header=header, ns=namespace, id=marker_id, type=kind, action=Marker.ADD, color=colour)
    marker.lifetime = lifetime
    marker.pose.orientation.w = 1.0
    return marker


def _deletions(header: Header, namespaces: Iterable[str]) -> list[Marker]:
    return [
        Marker(header=header, ns=namespace, id=marker_id, action=Marker.DELETE)
        for namespace in sorted(namespaces)
        for marker_id in (JOINTS, BONES, LABEL)
    ]


def _colour(colour_hex: str, alpha: float) -> ColorRGBA:
    blue, green, red = bgr(colour_hex)
    return ColorRGBA(r=red / 255, g=green / 255, b=blue / 255, a=alpha)
