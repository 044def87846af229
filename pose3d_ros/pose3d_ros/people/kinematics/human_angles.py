"""Inverse kinematics of `human_model`: the angles at which it has the measured joints, in closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.people.kinematics.human_model import LIMBS, NECK, turn
from pose3d_ros.skeletons import DERIVED, Skeleton
from pose3d_ros.types import Array

Points = Mapping[str, Array]
"""Joint name → (3,) metres."""

_X, _Y, _Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
_SHOULDER_RAD = ((-1.1, 1.9), (-0.4, 3.3))
"""Ranges of a shoulder's yaw and pitch in the template, to choose between the two pairs that give one direction."""
_STRAIGHT, _BENT = math.sin(math.radians(15.0)), math.sin(math.radians(30.0))
"""Sine of a knee's bend up to which its axis is taken to be that of the hips, and from which it is the measured one."""
_LEAST_M = 0.01
"""Joints nearer than this to each other give no direction."""


@dataclass(frozen=True, eq=False)
class BodyPose:
    """A body's frame, and its joints' angles.

    body2cam: from the body (origin at mid-hips, x forward, y left, z towards the shoulders) to the frame of the points.
    angles_rad: by name of the joint, without those that the measured joints do not determine.
    """

    body2cam: RigidTransform
    angles_rad: dict[str, float]


def valid_points(joints_m: npt.NDArray[np.float64], skeleton: Skeleton) -> dict[str, Array]:
    """The joints (J, 3) that have a value, by name; pelvis and thorax from hips and shoulders where they have none."""
    points = {name: joint for name, joint in zip(skeleton.joints, joints_m, strict=True) if np.isfinite(joint).all()}
    for name, sources in DERIVED.items():
        if name not in points and all(source in points for source in sources):
            points[name] = np.mean([points[source] for source in sources], axis=0)
    return points


def middle(points: Points, pair: tuple[str, str], instead: str = "") -> Array | None:
    """The middle of two joints, or else the joint `instead`; None without."""
    if pair[0] in points and pair[1] in points:
        return np.asarray(0.5 * (points[pair[0]] + points[pair[1]]))
    return points.get(instead)


def head_center(points: Points) -> Array | None:
    """The middle of the head; None where too little of it is known."""
    pairs = (("L_Ear", "R_Ear"), ("Head", "Head_top"), ("Neck", "Head_top"))
    return next((found for pair in pairs if (found := middle(points, pair)) is not None), None)


def body_pose(points: Points) -> BodyPose | None:
    """The frame and the angles of a body; None where hips and shoulders do not determine how it stands.

    points: in any frame, such as a camera's. What follows from missing joints is left out.
    """
    frame = _body_frame(points)
    if frame is None:
        return None
    cam2body = frame.inverse()
    local = {name: cam2body.apply(point) for name, point in points.items()}
    angles = _legs(local)
    trunk = _trunk(local)
    if trunk is not None:
        angles.update(trunk)
        torso2body = torso_frame(trunk, local)
        if torso2body is not None:
            above = {name: torso2body.inverse().apply(point) for name, point in local.items()}
            angles.update(_head(above, float(np.linalg.norm(torso2body.translation_m))))
            angles.update(_arms(above))
    return BodyPose(frame, angles)


def torso_frame(angles_rad: Mapping[str, float], points_body: Points) -> RigidTransform | None:
    """From the frame of the torso, at the middle of the shoulders, to the body's."""
    top = middle(points_body, ("L_Shoulder", "R_Shoulder"), "Thorax")
    if top is None:
        return None
    lean, pitch, twist, tilt = (angles_rad[name] for name in ("r_waist", "waist", "y_waist", "r_torso"))
    return RigidTransform(turn(_X, lean) @ turn(_Y, pitch) @ turn(_Z, twist) @ turn(_X, tilt), top)


def head_axes(points: Points) -> Array | None:
    """The head's axes (3, 3) in the columns, from ears, eyes and nose; None where these are not known.

    Forward is from between the ears to between eyes and nose, which are about as far above the ears as below.
    """
    ears, eyes = middle(points, ("L_Ear", "R_Ear")), middle(points, ("L_Eye", "R_Eye"))
    if ears is None or eyes is None or "Nose" not in points:
        return None
    left, forward = unit(points["L_Ear"] - points["R_Ear"]), unit(0.5 * (eyes + points["Nose"]) - ears)
    return None if left is None or forward is None else _axes(left, np.asarray(np.cross(forward, left)))


def unit(vector: Array) -> Array | None:
    """Of length 1; None for one that is too short to have a direction."""
    length = float(np.linalg.norm(vector))
    return None if length < _LEAST_M else vector / length


def _axes(left: Array, upward: Array) -> Array | None:
    """Axes of a frame whose y is the unit vector `left`, and whose z is as near to `upward` as that allows."""
    up = unit(upward - (upward @ left) * left)
    return None if up is None else np.column_stack([np.cross(left, up), left, up])


def _body_frame(points: Points) -> RigidTransform | None:
    origin = middle(points, ("L_Hip", "R_Hip"), "Pelvis")
    top = middle(points, ("L_Shoulder", "R_Shoulder"), "Thorax")
    pairs = [(f"L_{part}", f"R_{part}") for part in ("Hip", "Shoulder")]
    lefts = (unit(points[a] - points[b]) for a, b in pairs if a in points and b in points)
    left = next((found for found in lefts if found is not None), None)
    if origin is None or top is None or left is None:
        return None
    axes = _axes(left, top - origin)
    return None if axes is None else RigidTransform(axes, origin)


def _trunk(points: Points) -> dict[str, float] | None:
    """Lean, pitch (0 by the body's frame), twist, tilt of the shoulders; of which only both determine the last two."""
    top = middle(points, ("L_Shoulder", "R_Shoulder"), "Thorax")
    spine = None if top is None else unit(top)
    if spine is None:
        return None
    lean, pitch = math.atan2(-spine[1], spine[2]), math.asin(float(np.clip(spine[0], -1.0, 1.0)))
    angles = {"r_waist": lean, "waist": pitch, "y_waist": 0.0, "r_torso": 0.0}
    left = unit(points["L_Shoulder"] - points["R_Shoulder"]) if {"L_Shoulder", "R_Shoulder"} <= set(points) else None
    if left is not None:
        turned = (turn(_X, lean) @ turn(_Y, pitch)).T @ left
        angles["y_waist"] = math.atan2(-turned[0], turned[1])
        angles["r_torso"] = math.asin(float(np.clip(turned[2], -1.0, 1.0)))
    return angles


def _head(points: Points, torso_m: float) -> dict[str, float]:
    """Rx(r) Rz(y) Ry(-p), of the face's axes; without a face that of least twist to the middle of the head."""
    axes = head_axes(points)
    if axes is not None:
        roll, yaw = math.atan2(axes[2, 1], axes[1, 1]), math.asin(float(np.clip(-axes[0, 1], -1.0, 1.0)))
        return {"r_head": roll, "y_head": yaw, "p_head": -math.atan2(axes[0, 2], axes[0, 0])}
    center = head_center(points)
    up = None if center is None else unit(center - np.array([0.0, 0.0, NECK * torso_m]))
    if up is None:
        return {}
    return {"r_head": math.atan2(-up[1], up[2]), "y_head": 0.0, "p_head": -math.asin(float(np.clip(up[0], -1.0, 1.0)))}


def _arms(points: Points) -> dict[str, float]:
    angles: dict[str, float] = {}
    for side, sign in LIMBS:
        upper, lower = _bones(points, side, ("Shoulder", "Elbow", "Wrist"))
        if upper is None:
            continue
        yaw, pitch = _shoulder(upper[0], sign * upper[1], upper[2])
        angles |= {f"{side}_y_shoulder": yaw, f"{side}_p_shoulder": pitch}
        if lower is not None:
            angles |= _elbow(turn((0.0, 0.0, -sign), yaw) @ turn((sign, 0.0, 0.0), pitch), lower, side, sign)
    return angles


def _shoulder(forward: float, outward: float, up: float) -> tuple[float, float]:
    """Yaw and pitch of an upper arm's direction: of the two pairs that give it the more natural one."""
    pitch, yaw = math.acos(float(np.clip(-up, -1.0, 1.0))), math.atan2(forward, outward)
    return min((yaw, pitch), (yaw - math.copysign(math.pi, yaw), -pitch), key=_unnatural)


def _unnatural(angles: tuple[float, float]) -> float:
    return sum(max(low - a, a - high, 0.0) for a, (low, high) in zip(angles, _SHOULDER_RAD, strict=True))


def _elbow(upper_arm2torso: Array, lower: Array, side: str, sign: float) -> dict[str, float]:
    x, y, z = upper_arm2torso.T @ lower
    bend = math.acos(float(np.clip(-z, -1.0, 1.0)))
    return {f"{side}_r_shoulder": sign * math.atan2(y, x), f"{side}_elbow": bend}


def _legs(points: Points) -> dict[str, float]:
    angles: dict[str, float] = {}
    for side, sign in LIMBS:
        thigh, shin = _bones(points, side, ("Hip", "Knee", "Ankle"))
        if thigh is None:
            continue
        axis = _knee_axis(thigh, shin)
        abduction, yaw = sign * math.asin(float(np.clip(axis[2], -1.0, 1.0))), math.atan2(axis[0], axis[1])
        plane = turn(_Z, -yaw) @ turn((sign, 0.0, 0.0), abduction)
        x, _, z = plane.T @ thigh
        swing = math.atan2(x, -z)
        angles |= {f"{side}_y_hip": yaw, f"{side}_p_hip": abduction, f"{side}_r_hip": swing}
        if shin is not None:
            angles |= _knee((plane @ turn(_Y, -swing)).T @ shin, side)
    return angles


def _knee_axis(thigh: Array, shin: Array | None) -> Array:
    """The axis about which a knee bends, to the left: square to thigh and shin, or for a straight leg as the hips'."""
    across = np.zeros(3) if shin is None else np.cross(thigh, shin)
    share = float(np.clip((np.linalg.norm(across) - _STRAIGHT) / (_BENT - _STRAIGHT), 0.0, 1.0))
    left = np.array([0.0, 1.0, 0.0]) - thigh[1] * thigh
    if np.linalg.norm(left) < _STRAIGHT:  # a thigh to the side
        left = np.array([0.0, 0.0, 1.0]) - thigh[2] * thigh
    across = across + (1.0 - share) * left
    return np.asarray(across / np.linalg.norm(across))


def _knee(shin: Array, side: str) -> dict[str, float]:
    """shin: in the thigh's frame, Rx(sideways) Ry(-bend) (0, 0, -1)."""
    x, y, z = shin
    sideways = math.atan2(y, -z) if abs(y) > 1e-9 else 0.0
    if abs(sideways) > math.pi / 2:  # bent by more than a right angle
        sideways -= math.copysign(math.pi, sideways)
    bend = math.atan2(x, -(z * math.cos(sideways) - y * math.sin(sideways)))
    return {f"{side}_r_knee": sideways, f"{side}_knee": bend}


def _bones(points: Points, side: str, joints: tuple[str, str, str]) -> tuple[Array | None, Array | None]:
    """Directions of a limb's two bones."""
    first, second, third = (points.get(f"{side.upper()}_{joint}") for joint in joints)
    upper = None if first is None or second is None else unit(second - first)
    lower = None if second is None or third is None else unit(third - second)
    return upper, lower
