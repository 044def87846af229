"""Limbs aimed at points: inverse kinematics of two bones, whose hinge then bends as elbows and knees do.

Rotations are those of `Figure`: relative to the rest pose, (31, 3, 3); local ones relative to the parent too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.types import Array
from pose3d_training.synthetic.figure import Figure
from pose3d_training.synthetic.motion import BONES
from pose3d_training.synthetic.rig import bone_transforms, load_rig

_AT = {bone: i for i, bone in enumerate(BONES)}
SHIN = 1.05
"""Length of the shin in thighs."""
_THIGH_REST, _SHIN_REST = np.array([0.097, -0.992, 0.079]), np.array([0.088, -0.995, -0.044])
"""Unit directions of the left leg in the base mesh's rest pose; bodies differ from them by a few degrees."""
_MIRROR = np.array([-1.0, 1.0, 1.0])
_STRETCHED = 0.999
"""Of its length: a limb that is quite straight has no plane to bend in."""


def two_bones(goal: Array, upper: float, lower: float, pole: Array) -> tuple[Array, Array]:
    """Unit directions (3,) of two bones from the origin towards the goal (3,), the joint between them towards `pole`.

    upper, lower: their lengths. A goal out of reach is approached as far as they go.
    """
    distance = float(np.clip(np.linalg.norm(goal), abs(upper - lower) + 0.05 * lower, _STRETCHED * (upper + lower)))
    ahead = goal / np.linalg.norm(goal)
    aside = pole - (pole @ ahead) * ahead
    aside = aside / np.linalg.norm(aside)
    cosine = (upper**2 + distance**2 - lower**2) / (2 * upper * distance)
    first = ahead * cosine + aside * np.sqrt(max(1 - cosine**2, 0.0))
    second = ahead * distance - first * upper
    return first, np.asarray(second / np.linalg.norm(second))


def aim_leg(local: Array, side: str, ankle: Array, knee_to: Array, foot_rad: float = 0.3) -> None:
    """Bring an ankle to a place relative to its hip, in thighs, in place; knee_to: where the knee points.

    Both in the frame of a pelvis that is upright and faces +z, x to the left, before its heading. foot_rad: how far
    the toes are stretched down.
    """
    thigh, shin = two_bones(ankle, 1.0, SHIN, knee_to)
    mirror = np.ones(3) if side == "Left" else _MIRROR
    across = cross(thigh, shin)
    upper = frame(thigh, across) @ frame(_THIGH_REST * mirror, np.array([1.0, 0.0, 0.0])).T
    lower = frame(shin, across) @ frame(_SHIN_REST * mirror, np.array([1.0, 0.0, 0.0])).T
    tilt = _without_heading(local[_AT["Hips"]])
    local[_AT[side + "UpLeg"]] = tilt.T @ upper
    local[_AT[side + "Leg"]] = upper.T @ lower
    local[_AT[side + "Foot"]] = Rotation.from_euler("x", foot_rad).as_matrix()


def frame(along: Array, across: Array) -> Array:
    """Rotation (3, 3) whose first column is `along`, the second what of `across` is normal to it."""
    first = along / np.linalg.norm(along)
    second = across - (across @ first) * first
    second = second / np.linalg.norm(second)
    return np.stack([first, second, cross(first, second)], axis=1)


def cross(a: Array, b: Array) -> Array:
    """Cross product of two vectors (3,): NumPy's takes ten times as long for a single one."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def _without_heading(pelvis: Array) -> Array:
    yaw = float(Rotation.from_matrix(pelvis).as_euler("YXZ")[0])
    return np.asarray(Rotation.from_euler("y", -yaw).as_matrix() @ pelvis)


@dataclass(frozen=True, eq=False)
class Reach:
    """Aims the arms of a posed figure. local: its rotations, changed in place; maps (31, 3, 4): rest → posed."""

    figure: Figure
    local: Array
    maps: Array

    @classmethod
    def of(cls, figure: Figure, local: Array) -> Reach:
        """The figure as it is posed now; only its arms may change afterwards."""
        rig = load_rig(figure.assets)
        turned = np.empty_like(local)
        for i, parent in enumerate(rig.parents):
            turned[i] = local[i] if parent < 0 else turned[parent] @ local[i]
        return cls(figure, local, bone_transforms(rig, figure.heads_m, turned))

    def rest(self, bone: str) -> Array:
        """Head (3,) of a bone at rest."""
        return np.asarray(self.figure.heads_m[_AT[bone]])

    def posed(self, bone: str, rest_m: Array) -> Array:
        """Where a point (3,) of the rest pose is that moves with a bone."""
        at = self.maps[_AT[bone]]
        return np.asarray(at[:, :3] @ rest_m + at[:, 3])

    def turned(self, bone: str, direction: Array) -> Array:
        """A direction (3,) of the rest pose, turned with a bone."""
        return np.asarray(self.maps[_AT[bone]][:, :3] @ direction)

    def aim(self, side: str, wrist_m: Array, elbow_to: Array) -> None:
        """Bring a wrist to a posed point (3,); elbow_to (3,): where the elbow points, in the chest's rest frame."""
        upper, lower, hand = (_AT[side + part] for part in ("Arm", "ForeArm", "Hand"))
        heads = self.figure.heads_m
        along, fore = heads[lower] - heads[upper], heads[hand] - heads[lower]
        shoulder = _AT[side + "Shoulder"]
        start = self.posed(side + "Shoulder", heads[upper])
        lengths = float(np.linalg.norm(along)), float(np.linalg.norm(fore))
        first, second = two_bones(wrist_m - start, *lengths, self.turned("Spine1", elbow_to))
        hinge = cross(along, fore)
        goal = frame(first, cross(first, second)) @ frame(along, hinge).T
        self.local[upper] = self.maps[shoulder][:, :3].T @ goal
        bend = float(np.arccos(np.clip(first @ second, -1, 1)))
        rest_bend = float(np.arccos(np.clip(along @ fore / lengths[0] / lengths[1], -1, 1)))
        axis = hinge / np.linalg.norm(hinge)
        self.local[lower] = Rotation.from_rotvec(axis * (bend - rest_bend)).as_matrix()
