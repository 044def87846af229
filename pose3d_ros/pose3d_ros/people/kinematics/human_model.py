"""The kinematic model of a human body that REP 155 recommends, as the package human_description has it.

Names, axes and zero angles are those of human_description's template, so that its URDF takes our angles as well. Five
joints are ours, since a measured body bends where that model is rigid: `r_waist` and `y_waist` lean and twist the
trunk, `r_torso` tilts the line of the shoulders, `l_r_knee` and `r_r_knee` let a shin leave the plane of its thigh.

Frames of links are of REP 103: x forward, y left, z up for a person who stands with hanging arms and all angles 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.types import Array

Vector = tuple[float, float, float]
ROOT = "body"
"""Link at the middle of the hips."""
_X, _Y, _Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
_BACK, _DOWN, _RIGHT = (-1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, -1.0, 0.0)
_CENTER: Vector = (0.0, 0.0, 0.0)
_ANY_RAD = 3.1416
"""Limits of measured angles, which are within a half turn."""
_HEAD_UNIT = 1.0 / 2.75
"""Heights of a head in the trunk, from hips to shoulders, as in the template."""
LIMBS = (("l", 1.0), ("r", -1.0))
"""Prefix of each side's names, and the sign of its y."""
NECK = 0.25 * _HEAD_UNIT
"""Share of the trunk's height that the head turns above the shoulders, as in the template."""


@dataclass(frozen=True)
class BodySizes:
    """Bone lengths of a body in metres, both sides alike.

    torso_m: middle of the hips to middle of the shoulders. shoulder_m: from there to a shoulder. hips_m: hip to hip.
    head_forward_m, head_up_m: from where the neck turns to the middle of the head, in the head's frame.

    The defaults are those of the template, 1.65 m tall.
    """

    torso_m: float = 0.605
    shoulder_m: float = 0.176
    upper_arm_m: float = 0.352
    forearm_m: float = 0.22
    hips_m: float = 0.264
    thigh_m: float = 0.33
    shin_m: float = 0.44
    head_forward_m: float = 0.0
    head_up_m: float = 0.11

    def as_array(self) -> Array:
        """(9,) in the order of the fields."""
        return np.array([getattr(self, item.name) for item in fields(self)])

    @property
    def head_radius_m(self) -> float:
        """Of the sphere that is drawn, half the height of a head."""
        return self.torso_m * _HEAD_UNIT / 2

    @property
    def neck_m(self) -> float:
        """Height over the middle of the shoulders at which the head turns."""
        return self.torso_m * NECK


class ModelJoint(NamedTuple):
    """A joint, in metres and radians; names without the body's id. axis: None for a fixed joint."""

    name: str
    parent: str
    child: str
    origin_m: Vector
    axis: Vector | None = None
    limits_rad: tuple[float, float] = (-_ANY_RAD, _ANY_RAD)


def model_joints(sizes: BodySizes) -> tuple[ModelJoint, ...]:
    """The joints of a body, parents first."""
    return (*_trunk(sizes), *_head(sizes), *(joint for limb in LIMBS for joint in _limbs(sizes, *limb)))


def _trunk(sizes: BodySizes) -> tuple[ModelJoint, ...]:
    return (
        ModelJoint("r_waist", ROOT, "r_waist", _CENTER, _X),
        ModelJoint("waist", "r_waist", "waist", _CENTER, _Y),
        ModelJoint("y_waist", "waist", "y_waist", _CENTER, _Z),
        ModelJoint("r_torso", "y_waist", "r_torso", (0.0, 0.0, sizes.torso_m), _X),
        ModelJoint("torso", "r_torso", "torso", _CENTER),
    )


def _head(sizes: BodySizes) -> tuple[ModelJoint, ...]:
    # The template's frame of the head is half a radius in front of the middle of its sphere.
    place = (sizes.head_forward_m + sizes.head_radius_m / 2, 0.0, sizes.head_up_m)
    return (
        ModelJoint("r_head", "torso", "r_head", (0.0, 0.0, sizes.neck_m), _X),
        ModelJoint("y_head", "r_head", "y_head", _CENTER, _Z),
        ModelJoint("p_head", "y_head", "p_head", _CENTER, _RIGHT),
        ModelJoint("head", "p_head", "head", place),
    )


def _limbs(sizes: BodySizes, side: str, sign: float) -> tuple[ModelJoint, ...]:
    s, outward = f"{side}_", _X if sign > 0 else _BACK
    bend, straight = (0.0, _ANY_RAD), (0.0, 0.0, -1.0)
    return (
        ModelJoint(f"{s}y_shoulder", "torso", f"{s}y_shoulder", (0.0, sign * sizes.shoulder_m, 0.0), (0.0, 0.0, -sign)),
        ModelJoint(f"{s}p_shoulder", f"{s}y_shoulder", f"{s}p_shoulder", _CENTER, outward),
        ModelJoint(f"{s}r_shoulder", f"{s}p_shoulder", f"{s}shoulder", _CENTER, (0.0, 0.0, sign)),
        ModelJoint(f"{s}elbow", f"{s}shoulder", f"{s}elbow", _along(straight, sizes.upper_arm_m), _RIGHT, bend),
        ModelJoint(f"{s}wrist", f"{s}elbow", f"{s}wrist", _along(straight, sizes.forearm_m)),
        ModelJoint(f"{s}y_hip", ROOT, f"{s}y_hip", (0.0, sign * sizes.hips_m / 2, 0.0), _DOWN),
        ModelJoint(f"{s}p_hip", f"{s}y_hip", f"{s}p_hip", _CENTER, outward),
        ModelJoint(f"{s}r_hip", f"{s}p_hip", f"{s}hip", _CENTER, _RIGHT),
        ModelJoint(f"{s}r_knee", f"{s}hip", f"{s}r_knee", _along(straight, sizes.thigh_m), _X),
        ModelJoint(f"{s}knee", f"{s}r_knee", f"{s}knee", _CENTER, _RIGHT),
        ModelJoint(f"{s}ankle", f"{s}knee", f"{s}ankle", _along(straight, sizes.shin_m)),
    )


def _along(direction: Vector, length_m: float) -> Vector:
    x, y, z = direction
    return x * length_m, y * length_m, z * length_m


def turn(axis: Vector, angle_rad: float) -> Array:
    """The rotation (3, 3) about a unit axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    made: Array = np.eye(3) + np.sin(angle_rad) * cross + (1.0 - np.cos(angle_rad)) * (cross @ cross)
    return made


class LinkPose(NamedTuple):
    """Where a link is in its parent's frame: quaternion x, y, z, w."""

    parent: str
    child: str
    translation_m: Vector
    quaternion_xyzw: tuple[float, float, float, float]


def link_poses(sizes: BodySizes, angles_rad: Mapping[str, float]) -> list[LinkPose]:
    """Every link whose joint is fixed or has an angle, in its parent's frame."""
    poses = []
    for joint in model_joints(sizes):
        half = 0.5 * angles_rad.get(joint.name, 0.0)
        if joint.axis is None or joint.name in angles_rad:
            x, y, z = _along(joint.axis or _CENTER, float(np.sin(half)))
            poses.append(LinkPose(joint.parent, joint.child, joint.origin_m, (x, y, z, float(np.cos(half)))))
    return poses


def links_in_body(sizes: BodySizes, angles_rad: Mapping[str, float]) -> dict[str, RigidTransform]:
    """Forward kinematics: each link's frame in that of the body; links below a joint without an angle are left out."""
    found = {ROOT: RigidTransform(np.eye(3), np.zeros(3))}
    for link in link_poses(sizes, angles_rad):
        if link.parent in found:
            local = RigidTransform.from_quaternion(link.quaternion_xyzw, link.translation_m)
            found[link.child] = found[link.parent].after(local)
    return found
