"""Postures made from joint angles, where the recorded motions have few.

Every function changes local rotations (31, 3, 3), relative to the parents and the rest pose (arms spread), in place.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.types import Array
from pose3d_training.synthetic.limb_aiming import aim_leg
from pose3d_training.synthetic.motion import BONES

Posture = Callable[[Array, np.random.Generator], None]

_AT = {bone: i for i, bone in enumerate(BONES)}
SIDES = (("Left", 1.0), ("Right", -1.0))
_TRUNK = ("LowerBack", "Spine", "Spine1")


def stand(local: Array, rng: np.random.Generator) -> None:
    """Upright, the weight on either leg, the trunk a little turned."""
    for side, sign in SIDES:
        swing, knee = rng.normal(-0.03, 0.12), abs(rng.normal(0.0, 0.12))
        set_leg(local, side, sign, flex=swing, bend=knee, spread=abs(rng.normal(0.04, 0.06)))
    face(local, rng, lean=rng.normal(0.0, 0.05), roll=rng.normal(0.0, 0.03))
    curl(local, rng.normal(0.05, 0.1), rng)


def bend(local: Array, rng: np.random.Generator) -> None:
    """The trunk bent forward, as over a table or towards the floor; the legs as they are."""
    local[_AT["Hips"]] = local[_AT["Hips"]] @ _x(rng.uniform(0.0, 0.5))
    curl(local, rng.uniform(0.3, 1.2), rng)


def bend_down(local: Array, rng: np.random.Generator) -> None:
    """Standing, the trunk bent forward from the hips and the spine, towards a table or the floor."""
    lean = rng.uniform(0.2, 1.3)
    face(local, rng, lean=lean, roll=rng.normal(0.0, 0.05))
    for side, sign in SIDES:
        bend, spread = abs(rng.normal(0.15, 0.25)), abs(rng.normal(0.08, 0.1))
        set_leg(local, side, sign, flex=lean + bend / 2 + rng.normal(-0.05, 0.12), bend=bend, spread=spread)
    curl(local, rng.uniform(0.1, 1.0), rng)


def crouch(local: Array, rng: np.random.Generator) -> None:
    """Both knees bent, the trunk leaning over them."""
    flex, knee = rng.uniform(0.9, 2.1), rng.uniform(1.2, 2.4)
    for side, sign in SIDES:
        turn = flex + rng.normal(0, 0.1)
        set_leg(local, side, sign, flex=turn, bend=knee + rng.normal(0, 0.12), spread=abs(rng.normal(0.2, 0.15)))
    face(local, rng, lean=rng.uniform(0.0, 0.6), roll=rng.normal(0.0, 0.05))
    curl(local, rng.uniform(0.0, 0.5), rng)


def kneel(local: Array, rng: np.random.Generator) -> None:
    """On one knee or on both."""
    down = rng.integers(3)  # left, right, both
    for k, (side, sign) in enumerate(SIDES):
        on_knee = down in (k, 2)
        flex = rng.uniform(-0.1, 0.5) if on_knee else 1.5
        knee = flex + np.pi / 2 + rng.uniform(-0.1, 0.2) if on_knee else 1.5  # the shin lies on the floor
        set_leg(local, side, sign, flex=flex, bend=knee + rng.normal(0, 0.05), spread=0.1)
    face(local, rng, lean=rng.normal(0.1, 0.15), roll=rng.normal(0.0, 0.05))
    curl(local, rng.uniform(0.0, 0.4), rng)


def sit(local: Array, rng: np.random.Generator) -> None:
    """Thighs forward and knees bent as on a chair, the trunk near upright."""
    flex, knee = rng.uniform(1.2, 1.7), rng.uniform(0.7, 1.8)
    crossed = rng.random() < 0.15
    for side, sign in SIDES:
        spread = -0.15 if crossed else rng.normal(0.1, 0.12)
        lift = 0.35 if crossed and sign > 0 else 0.0
        set_leg(
            local, side, sign, flex=flex + lift + rng.normal(0, 0.06), bend=knee + rng.normal(0, 0.12), spread=spread
        )
    face(local, rng, lean=rng.normal(-0.1, 0.12), roll=0.0)
    curl(local, rng.normal(0.15, 0.2), rng)


def step_up(local: Array, rng: np.random.Generator) -> None:
    """One foot raised, as on a stair or over a threshold."""
    raised = rng.integers(2)
    for k, (side, sign) in enumerate(SIDES):
        flex = rng.uniform(0.5, 1.6) if k == raised else rng.normal(-0.1, 0.1)
        knee = flex * rng.uniform(0.8, 1.3) if k == raised else abs(rng.normal(0.0, 0.15))
        set_leg(local, side, sign, flex=flex, bend=knee, spread=abs(rng.normal(0.05, 0.06)))
    face(local, rng, lean=rng.normal(0.1, 0.1), roll=rng.normal(0.0, 0.04))
    curl(local, rng.normal(0.1, 0.12), rng)


def sit_relaxed(local: Array, rng: np.random.Generator) -> None:
    """On a chair, a couch or in a wheelchair: upright to leaning back or forward, legs level, stretched or crossed."""
    lean = rng.choice([rng.normal(-0.1, 0.1), rng.uniform(-0.6, -0.2), rng.uniform(0.1, 0.6)], p=(0.5, 0.3, 0.2))
    face(local, rng, lean=lean, roll=rng.normal(0.0, 0.04))
    flex = np.pi / 2 + lean + rng.normal(0.0, 0.1)
    crossed, stretched = int(rng.choice(3, p=(0.14, 0.14, 0.72))), rng.random() < 0.25
    for k, (side, sign) in enumerate(SIDES):
        bend = np.pi / 2 + (rng.uniform(-1.2, -0.3) if stretched else rng.normal(0.0, 0.2))
        if k == crossed and rng.random() < 0.5:  # ankle on the other knee
            ankle = np.array([-sign * rng.uniform(0.4, 0.6), rng.uniform(0.0, 0.15), rng.uniform(0.6, 0.85)])
            aim_leg(local, side, ankle, np.array([sign, 0.3, 0.5]), 0.2)
            continue
        over = 0.3 if k == crossed else 0.0
        spread = rng.uniform(-0.25, -0.05) if k == crossed else rng.normal(0.12, 0.12)
        set_leg(local, side, sign, flex=flex + over, bend=float(np.clip(bend, 0.1, 2.2)), spread=spread)
    curl(local, rng.normal(0.25, 0.25), rng)


def cycle(local: Array, rng: np.random.Generator) -> None:
    """On a bicycle: pedals opposite each other, the trunk upright to bent over the handlebar."""
    face(local, rng, lean=rng.uniform(0.1, 0.9), roll=rng.normal(0.0, 0.04))
    crank = rng.uniform(-np.pi, np.pi)
    low, ahead = rng.uniform(1.35, 1.55), rng.uniform(0.15, 0.5)
    for k, (side, sign) in enumerate(SIDES):
        angle = crank + k * np.pi
        ankle = np.array([sign * rng.uniform(-0.1, 0.05), -low + 0.4 * np.cos(angle), ahead + 0.4 * np.sin(angle)])
        aim_leg(local, side, ankle, np.array([sign * rng.uniform(0.0, 0.3), 0.3, 1.0]), rng.uniform(0.0, 0.5))
    curl(local, rng.uniform(0.0, 0.5), rng)


def lie(local: Array, rng: np.random.Generator) -> None:
    """On the back, the belly or a side, legs straight to drawn up."""
    for side, sign in SIDES:
        drawn = rng.random() ** 2
        set_leg(local, side, sign, flex=1.6 * drawn + rng.normal(0, 0.1), bend=1.8 * drawn, spread=rng.normal(0.1, 0.1))
    flat = Rotation.from_euler("x", rng.choice([-1.0, 1.0]) * np.pi / 2 + rng.normal(0, 0.1))
    about_spine = Rotation.from_euler("z", rng.choice([0.0, 0.0, np.pi / 2, -np.pi / 2]) + rng.normal(0, 0.2))
    heading = Rotation.from_euler("y", rng.uniform(-np.pi, np.pi))
    local[_AT["Hips"]] = (heading * about_spine * flat).as_matrix()
    curl(local, rng.normal(0.1, 0.15), rng)


def set_leg(local: Array, side: str, sign: float, *, flex: float, bend: float, spread: float) -> None:
    """flex: thigh forward, bend: knee, spread: outwards, radians; the foot stays level."""
    # About the body's axes in turn: z spreads a hanging thigh, y one that is raised forward.
    local[_AT[side + "UpLeg"]] = Rotation.from_euler("ZYX", [sign * spread, sign * spread, -flex]).as_matrix()
    local[_AT[side + "Leg"]] = _x(max(bend, 0.0))
    local[_AT[side + "Foot"]] = _x(float(np.clip(flex - bend, -0.6, 0.6)))


def face(local: Array, rng: np.random.Generator, *, lean: float, roll: float) -> None:
    """The pelvis upright in a random heading, leaning forward."""
    local[_AT["Hips"]] = Rotation.from_euler("YXZ", [rng.uniform(-np.pi, np.pi), lean, roll]).as_matrix()


def curl(local: Array, forward: float, rng: np.random.Generator) -> None:
    """The spine bent forward, with a little turn and tilt."""
    turn, tilt = rng.normal(0, 0.15, 2)
    for bone in _TRUNK:
        local[_AT[bone]] = Rotation.from_euler("YXZ", np.array([turn, forward, tilt / 2]) / len(_TRUNK)).as_matrix()


def _x(angle_rad: float) -> Array:
    return np.asarray(Rotation.from_euler("x", angle_rad).as_matrix())
