"""Postures on the floor, made from where ankles are and where knees point.

Every function is a `postures.Posture`. Lengths are in thighs, from the hip, which is about 0.25 above the floor.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.types import Array
from pose3d_training.synthetic.limb_aiming import SHIN, aim_leg
from pose3d_training.synthetic.motion import BONES
from pose3d_training.synthetic.postures import SIDES, curl, face, set_leg

_AT = {bone: i for i, bone in enumerate(BONES)}
_FLOOR = -0.14
"""Height of the ankle of a leg that lies on the floor, over the hip of who sits there."""


def sit_cross_legged(local: Array, rng: np.random.Generator) -> None:
    """Knees outwards, shins crossed before the pelvis, one nearer than the other."""
    face(local, rng, lean=rng.normal(-0.15, 0.15), roll=rng.normal(0, 0.04))
    inner = rng.integers(2)
    for k, (side, sign) in enumerate(SIDES):
        reach = rng.uniform(0.45, 0.6) if k == inner else rng.uniform(0.6, 0.85)
        ankle = np.array([sign * rng.uniform(-0.5, -0.15), _FLOOR + rng.uniform(0.0, 0.15), reach])
        knee_to = np.array([sign * 1.0, rng.uniform(-0.15, 0.35), 0.4])
        aim_leg(local, side, ankle, knee_to, rng.uniform(0.1, 0.6))
    curl(local, rng.uniform(0.0, 0.6), rng)


def sit_sideways(local: Array, rng: np.random.Generator) -> None:
    """One shin across before the pelvis, the other folded back beside it."""
    folded = int(rng.integers(2))
    face(local, rng, lean=rng.normal(-0.1, 0.12), roll=SIDES[folded][1] * rng.uniform(0.0, 0.25))
    for k, (side, sign) in enumerate(SIDES):
        if k == folded:
            ankle = np.array([sign * rng.uniform(0.25, 0.55), _FLOOR, rng.uniform(-0.15, 0.3)])
            aim_leg(local, side, ankle, np.array([sign * rng.uniform(0.1, 0.5), 0.05, 1.0]), rng.uniform(0.3, 0.8))
        else:
            ankle = np.array([sign * rng.uniform(-0.6, -0.2), _FLOOR, rng.uniform(0.45, 0.9)])
            aim_leg(local, side, ankle, np.array([sign * 1.0, 0.1, 0.3]), rng.uniform(0.2, 0.7))
    curl(local, rng.uniform(0.0, 0.5), rng)


def sit_with_long_legs(local: Array, rng: np.random.Generator) -> None:
    """Legs before the pelvis, each straight to drawn up with its foot on the floor."""
    face(local, rng, lean=rng.normal(-0.25, 0.15), roll=rng.normal(0, 0.04))
    both = rng.random() ** 1.5
    for side, sign in SIDES:
        drawn = both if rng.random() < 0.6 else rng.random()
        reach = (1 + SHIN) * (0.99 - 0.62 * drawn)
        out = sign * rng.normal(0.12, 0.15)
        ankle = np.array([reach * np.sin(out), _FLOOR + 0.1 * drawn, reach * np.cos(out)])
        knee_to = np.array([sign * rng.normal(0.15, 0.2), 1.0, 0.1])
        aim_leg(local, side, ankle, knee_to, rng.uniform(-0.1, 0.5))
    curl(local, rng.uniform(0.0, 0.8), rng)


def sit_on_heels(local: Array, rng: np.random.Generator) -> None:
    """Kneeling with the pelvis on or near the heels."""
    face(local, rng, lean=rng.normal(0.0, 0.15), roll=rng.normal(0, 0.03))
    up = rng.uniform(0.0, 0.25)
    for side, sign in SIDES:
        ankle = np.array([sign * rng.uniform(-0.05, 0.15), -0.5 - up, rng.uniform(-0.15, 0.0)])
        aim_leg(local, side, ankle, np.array([sign * rng.uniform(0.05, 0.35), -0.1, 1.0]), rng.uniform(0.7, 1.05))
    curl(local, rng.uniform(0.0, 0.6), rng)


def squat(local: Array, rng: np.random.Generator) -> None:
    """Deep, the feet flat or on their balls, the trunk leaning over the thighs."""
    face(local, rng, lean=rng.uniform(0.1, 0.7), roll=rng.normal(0, 0.04))
    height, behind = rng.uniform(0.35, 1.0), rng.uniform(0.25, 0.6)
    for side, sign in SIDES:
        ankle = np.array([sign * rng.uniform(-0.05, 0.3), -height, behind + rng.normal(0, 0.1)])
        knee_to = np.array([sign * rng.uniform(0.1, 0.6), 0.7, 1.0])
        aim_leg(local, side, ankle, knee_to, rng.uniform(-0.5, 0.1))
    curl(local, rng.uniform(0.0, 0.7), rng)


def go_on_all_fours(local: Array, rng: np.random.Generator) -> None:
    """On hands and knees, the thighs about upright, shins on the floor."""
    face(local, rng, lean=rng.uniform(1.1, 1.6), roll=rng.normal(0, 0.05))
    for side, sign in SIDES:
        ankle = np.array([sign * rng.normal(0.05, 0.08), -0.9, -SHIN + rng.uniform(-0.25, 0.35)])
        aim_leg(local, side, ankle, np.array([sign * 0.1, -1.0, 0.6]), rng.uniform(0.3, 0.8))
    curl(local, rng.normal(0.0, 0.2), rng)


def lie_turned(local: Array, rng: np.random.Generator) -> None:
    """On the back, a side, the belly, or between them; on a side both legs drawn up together."""
    turn = rng.choice(4, p=(0.42, 0.18, 0.3, 0.1))  # back, belly, side, any
    about_spine = (0.0, np.pi, rng.choice((-1.0, 1.0)) * np.pi / 2, rng.uniform(-np.pi, np.pi))[int(turn)]
    together = rng.random() ** 1.3
    for side, sign in SIDES:
        drawn = together if turn == 2 and rng.random() < 0.7 else rng.random() ** 2
        flex, spread = 1.7 * drawn, abs(rng.normal(0.1, 0.12))
        if turn == 1:  # on the belly only a leg that is spread can be drawn up
            flex, spread = 0.9 * drawn, 0.1 + 0.9 * drawn
        bend = np.clip(2.0 * drawn * rng.uniform(0.7, 1.2), 0.0, 2.4)
        set_leg(local, side, sign, flex=flex + rng.normal(0, 0.1), bend=bend, spread=spread)
    flat = Rotation.from_euler("x", -np.pi / 2 + rng.normal(0, 0.12))
    heading = Rotation.from_euler("y", rng.uniform(-np.pi, np.pi))
    roll = Rotation.from_euler("y", about_spine + rng.normal(0, 0.2))
    local[_AT["Hips"]] = (heading * flat * roll).as_matrix()
    curl(local, rng.normal(0.15, 0.2), rng)
