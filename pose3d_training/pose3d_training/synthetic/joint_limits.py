"""How far joints bend: angles of a pose, and the ranges that made poses keep to.

Ranges of motion of grown-ups (Norkin & White, Measurement of Joint Motion, 5th ed. 2016, appendix), widened by the
10 to 20 degrees that active people and errors of the rig's axes take; shoulders include the shoulder blade.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.types import Array
from pose3d_training.synthetic.figure import Figure
from pose3d_training.synthetic.limb_aiming import cross
from pose3d_training.synthetic.motion import BONES

_AT = {bone: i for i, bone in enumerate(BONES)}
_SIDES = (("Left", "L", 1.0), ("Right", "R", -1.0))

LIMITS_DEG: dict[str, tuple[float, float]] = {
    "Hip_flexion": (-35, 145),
    "Hip_abduction": (-45, 80),
    "Hip_rotation": (-60, 75),
    "Knee_flexion": (-12, 162),
    "Knee_aside": (-16, 16),
    "Ankle_flexion": (-45, 65),
    "Trunk_flexion": (-45, 95),
    "Trunk_tilt": (-45, 45),
    "Trunk_turn": (-60, 60),
    "Head_flexion": (-65, 75),
    "Head_turn": (-95, 95),
    "Shoulder_behind": (-180, 70),
    "Shoulder_across": (-180, 62),
    "Elbow_flexion": (-12, 158),
    "Elbow_aside": (-22, 22),
}
"""Each angle's range; of sides the outward and forward ones are positive.

Hip_rotation: about the thigh, knee outwards. Shoulder_behind: of the upper arm behind the trunk's own plane.
Shoulder_across: of it beyond the middle, from straight ahead.
"""


def joint_angles_deg(figure: Figure, local: Array) -> dict[str, float]:
    """Angles by name, `L_` or `R_` before those of a side. local (31, 3, 3): relative to the parents."""
    angles: dict[str, float] = {}
    for side, letter, sign in _SIDES:
        for name, value in (*_leg(local, side, sign), *_arm(figure, local, side, sign)):
            angles[f"{letter}_{name}"] = value
    forward, tilt, turn = _forward_aside_turn(local[_AT["LowerBack"]] @ local[_AT["Spine"]] @ local[_AT["Spine1"]])
    angles |= {"Trunk_turn": turn, "Trunk_flexion": forward, "Trunk_tilt": tilt}
    forward, _, turn = _forward_aside_turn(local[_AT["Neck"]] @ local[_AT["Neck1"]] @ local[_AT["Head"]])
    return angles | {"Head_turn": turn, "Head_flexion": forward}


def beyond_limits(figure: Figure, local: Array) -> dict[str, float]:
    """The angles that are outside their range."""
    found = joint_angles_deg(figure, local)
    ranges = {name: LIMITS_DEG[name.removeprefix("L_").removeprefix("R_")] for name in found}
    return {name: value for name, value in found.items() if not ranges[name][0] <= value <= ranges[name][1]}


def _leg(local: Array, side: str, sign: float) -> list[tuple[str, float]]:
    hip, knee, foot = (local[_AT[side + part]] for part in ("UpLeg", "Leg", "Foot"))
    forward, aside, turn = _forward_aside_turn(hip)
    bend, shin_aside, _ = _forward_aside_turn(knee)
    return [
        ("Hip_flexion", -forward), ("Hip_abduction", sign * aside), ("Hip_rotation", sign * turn),
        ("Knee_flexion", bend), ("Knee_aside", shin_aside), ("Ankle_flexion", _forward_aside_turn(foot)[0]),
    ]  # fmt: skip


def _forward_aside_turn(rotation: Array) -> tuple[float, float, float]:
    """How a bone along y is turned forwards about x, then aside about z, and what it turned about itself before."""
    up = rotation[:, 1]
    forward, aside = math.atan2(up[2], up[1]), -math.asin(float(np.clip(up[0], -1, 1)))
    # The first and third column, turned back about x; then z keeps the third's x, but for the turn aside.
    x, z = rotation[:, 0], rotation[:, 2]
    back = math.cos(forward), math.sin(forward)
    turn = math.atan2(
        math.cos(aside) * z[0] + math.sin(aside) * (back[0] * z[1] + back[1] * z[2]),
        math.cos(aside) * x[0] + math.sin(aside) * (back[0] * x[1] + back[1] * x[2]),
    )
    return math.degrees(forward), math.degrees(aside), math.degrees(turn)


def _arm(figure: Figure, local: Array, side: str, sign: float) -> list[tuple[str, float]]:
    upper, lower, hand = (_AT[side + part] for part in ("Arm", "ForeArm", "Hand"))
    along, fore = (figure.heads_m[b] - figure.heads_m[a] for a, b in ((upper, lower), (lower, hand)))
    along, fore = along / np.linalg.norm(along), fore / np.linalg.norm(fore)
    arm = local[_AT[side + "Shoulder"]] @ local[upper] @ along
    behind = np.arcsin(np.clip(-arm[2], -1, 1))
    level = float(np.hypot(arm[0], arm[2]))
    # An arm that hangs or is raised has no direction about the upright axis.
    across = np.arctan2(-sign * arm[0], max(arm[2], 1e-9)) if level > 0.35 and arm[2] > 0 else -np.pi / 2
    hinge = cross(along, fore)
    hinge = hinge / np.linalg.norm(hinge)
    turned = Rotation.from_matrix(local[lower]).as_rotvec()
    rest = float(np.arccos(np.clip(along @ fore, -1, 1)))
    bend = float(turned @ hinge) + rest
    # The forearm's own twist moves the hand alone.
    off = turned - (turned @ hinge) * hinge
    off = off - (off @ fore) * fore
    return [
        ("Shoulder_behind", _degrees(behind)), ("Shoulder_across", _degrees(across)),
        ("Elbow_flexion", _degrees(bend)), ("Elbow_aside", _degrees(float(np.linalg.norm(off)))),
    ]  # fmt: skip


def _degrees(angle_rad: float) -> float:
    return float(np.rad2deg(angle_rad))
