"""What arms do, made from where the wrists are on or before the body; elbows follow.

Every function changes the arms of one side of a posed figure in place. Places are those of the body at rest that move
with a bone, so that hands stay on hips that turn and on heads that nod.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pose3d_ros.types import Array
from pose3d_training.synthetic.body import BODY_VERTICES
from pose3d_training.synthetic.figure import Figure
from pose3d_training.synthetic.limb_aiming import Reach

ArmPosture = Callable[[Reach, str, float, np.random.Generator], None]
"""Reach, the side's name, +1 for the left one and -1 for the right one, random numbers."""

_DOWN, _OUT, _BACK = (np.array([0.0, -1.0, 0.0]), np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, -1.0]))


def front_m(figure: Figure, y_m: float) -> float:
    """How far the trunk at rest stands forward at a height, metres from the pelvis' plane z = 0."""
    body = figure.body_m[:BODY_VERTICES]
    near = (np.abs(body[:, 1] - y_m) < 0.04 * figure.height_m) & (np.abs(body[:, 0]) < 0.07 * figure.height_m)
    return float(body[near, 2].max())


def _trunk_m(reach: Reach, side: str, level: float) -> float:
    """A height at rest: 0 at the hips, 1 at the shoulders."""
    hip, shoulder = reach.rest(side + "UpLeg")[1], reach.rest(side + "Arm")[1]
    return float(hip + level * (shoulder - hip))


def _before(reach: Reach, side: str, x_m: float, level: float, ahead_m: float) -> Array:
    """A place before the trunk, so far before its surface."""
    y = _trunk_m(reach, side, level)
    bone = "Spine1" if level > 0.5 else "LowerBack"
    return reach.posed(bone, np.array([x_m, y, front_m(reach.figure, y) + ahead_m]))


def _towards(sign: float, out: float, down: float, back: float) -> Array:
    return np.asarray(sign * out * _OUT + down * _DOWN + back * _BACK)


def _size(reach: Reach) -> float:
    """Of the body over a grown-up's."""
    return reach.figure.height_m / 1.7


def crossed(reach: Reach, side: str, sign: float, rng: np.random.Generator) -> None:
    """Forearms crossed before the chest."""
    size = _size(reach)
    x = -sign * rng.uniform(0.02, 0.12) * size
    at = _before(reach, side, x, rng.uniform(0.5, 0.68), (0.05 if sign > 0 else 0.09) * size)
    reach.aim(side, at, _towards(sign, rng.uniform(0.3, 0.8), 1.0, rng.uniform(-0.3, 0.3)))


def on_hip(reach: Reach, side: str, sign: float, rng: np.random.Generator) -> None:
    """A hand on the hip, the elbow out."""
    hip, size = reach.rest(side + "UpLeg"), _size(reach)
    spot = np.array([hip[0] + sign * rng.uniform(0.06, 0.11) * size, hip[1] + rng.uniform(0.06, 0.16) * size, 0.0])
    spot[2] = rng.uniform(-0.06, 0.07) * size
    reach.aim(side, reach.posed("Hips", spot), _towards(sign, 1.0, rng.uniform(0.0, 0.3), rng.uniform(0.0, 0.7)))


def in_pocket(reach: Reach, side: str, sign: float, rng: np.random.Generator) -> None:
    """A wrist at the hip, as with the hand in a pocket."""
    hip, size = reach.rest(side + "UpLeg"), _size(reach)
    spot = hip + np.array([sign * rng.uniform(0.06, 0.1), rng.uniform(-0.02, 0.1), rng.uniform(0.02, 0.1)]) * size
    reach.aim(side, reach.posed("Hips", spot), _towards(sign, rng.uniform(0.4, 0.9), 0.2, rng.uniform(0.5, 1.0)))


def on_head(reach: Reach, side: str, sign: float, rng: np.random.Generator) -> None:
    """A hand on the crown, behind the head or at the temple, the elbow out."""
    head, size = reach.rest("Head"), _size(reach)
    spots = ((0.05, 0.22, 0.02), (0.06, 0.1, -0.1), (0.1, 0.13, 0.08))
    spot = np.array(spots[int(rng.integers(3))]) + rng.normal(0, 0.02, 3)
    spot[0] *= sign
    elbow = _towards(sign, 1.0, rng.uniform(-0.8, 0.2), rng.uniform(-0.9, 0.1))
    reach.aim(side, reach.posed("Head", head + spot * size), elbow)


def at_face(reach: Reach, side: str, sign: float, rng: np.random.Generator) -> None:
    """A hand at ear, mouth or chin, or a telephone before the face."""
    head, size = reach.rest("Head"), _size(reach)
    spots = ((0.1, 0.04, 0.06), (0.03, 0.0, 0.16), (0.04, -0.04, 0.12), (0.05, -0.02, rng.uniform(0.2, 0.35)))
    spot = np.array(spots[int(rng.integers(len(spots)))]) + rng.normal(0, 0.015, 3)
    spot[0] *= sign
    elbow = _towards(sign, rng.uniform(0.2, 0.8), 1.0, rng.uniform(-0.4, 0.2))
    reach.aim(side, reach.posed("Head", head + spot * size), elbow)


def before_body(reach: Reach, side: str, sign: float, rng: np.random.Generator) -> None:
    """A hand anywhere before belly and chest."""
    size = _size(reach)
    at = _before(
        reach, side, sign * rng.uniform(-0.1, 0.2) * size, rng.uniform(0.0, 0.95), rng.uniform(0.03, 0.3) * size
    )
    reach.aim(side, at, _towards(sign, rng.uniform(0.2, 1.0), 1.0, rng.uniform(0.0, 0.8)))


def behind_back(reach: Reach, side: str, sign: float, rng: np.random.Generator) -> None:
    """A hand behind the pelvis."""
    hip, size = reach.rest(side + "UpLeg"), _size(reach)
    spot = np.array([sign * rng.uniform(0.0, 0.08), 0.0, -rng.uniform(0.15, 0.19)]) * size
    spot[1] = hip[1] + rng.uniform(0.0, 0.16) * size
    reach.aim(side, reach.posed("Hips", spot), _towards(sign, 1.0, 0.2, rng.uniform(0.4, 0.8)))


def stretched(reach: Reach, side: str, sign: float, rng: np.random.Generator) -> None:
    """Reaching for something before, above or beside the body."""
    azimuth, elevation = rng.uniform(-0.3, 1.5), rng.uniform(-0.6, 1.3)
    flat = np.cos(elevation)
    ahead = np.array([sign * flat * np.sin(azimuth), np.sin(elevation), flat * np.cos(azimuth)])
    start = reach.posed(side + "Shoulder", reach.rest(side + "Arm"))
    length = np.linalg.norm(reach.rest(side + "Hand") - reach.rest(side + "ForeArm")) + np.linalg.norm(
        reach.rest(side + "ForeArm") - reach.rest(side + "Arm")
    )
    goal = start + reach.turned("Spine1", ahead) * length * rng.uniform(0.8, 1.0)
    reach.aim(side, goal, _towards(sign, rng.uniform(0.2, 0.8), 1.0, rng.uniform(0.0, 0.5)))


def on_thigh(reach: Reach, side: str, sign: float, rng: np.random.Generator) -> None:
    """A hand on the thigh or the knee."""
    at = reach.rest(side + "UpLeg") * (1 - (share := rng.uniform(0.45, 1.0))) + reach.rest(side + "Leg") * share
    at = at + np.array([sign * rng.uniform(-0.06, 0.04), 0.0, rng.uniform(0.07, 0.1)]) * _size(reach)
    reach.aim(side, reach.posed(side + "UpLeg", at), _towards(sign, 1.0, rng.uniform(0.0, 0.6), rng.uniform(0.2, 1.0)))


def round_shin(reach: Reach, side: str, sign: float, rng: np.random.Generator) -> None:
    """The arm about drawn-up legs."""
    at = reach.rest(side + "Leg") * 0.7 + reach.rest(side + "Foot") * 0.3
    at = at + np.array([-sign * rng.uniform(0.0, 0.1), 0.0, rng.uniform(0.06, 0.1)]) * _size(reach)
    reach.aim(side, reach.posed(side + "Leg", at), _towards(sign, 1.0, 0.5, 0.2))


def beside_seat(reach: Reach, side: str, sign: float, rng: np.random.Generator) -> None:
    """On an armrest or on a wheelchair's rim."""
    at = reach.posed(side + "UpLeg", reach.rest(side + "UpLeg"))
    aside = _level(reach, sign * rng.uniform(0.1, 0.2), rng.uniform(-0.05, 0.2), rng.uniform(-0.1, 0.3))
    reach.aim(side, at + aside * _size(reach), _towards(sign, rng.uniform(0.3, 1.0), 0.3, 1.0))


def on_handlebar(reach: Reach, side: str, sign: float, rng: np.random.Generator) -> None:
    """Before and below the shoulder, as on a handlebar, a rail or a table."""
    at = reach.posed(side + "Shoulder", reach.rest(side + "Arm"))
    ahead = _level(reach, sign * rng.uniform(-0.05, 0.12), -rng.uniform(0.15, 0.45), rng.uniform(0.25, 0.5))
    reach.aim(side, at + ahead * _size(reach), _towards(sign, rng.uniform(0.3, 1.0), 1.0, rng.uniform(0.0, 0.5)))


def propped(reach: Reach, side: str, sign: float, rng: np.random.Generator) -> None:
    """A hand on the floor beside or behind the pelvis of who sits there."""
    at = reach.posed(side + "UpLeg", reach.rest(side + "UpLeg"))
    away = _level(reach, sign * rng.uniform(0.08, 0.3), -0.05, -rng.uniform(0.0, 0.4))
    reach.aim(side, at + away * _size(reach), _towards(sign, 0.4, 0.0, 1.0))


def on_floor(reach: Reach, side: str, sign: float, rng: np.random.Generator) -> None:
    """A hand on the floor below the shoulder of who is on all fours."""
    knees = [reach.posed(s + "Leg", reach.rest(s + "Leg"))[1] for s in ("Left", "Right")]
    at = reach.posed(side + "Shoulder", reach.rest(side + "Arm"))
    at = at + _level(reach, sign * rng.normal(0.0, 0.06), 0.0, rng.normal(0.03, 0.08)) * _size(reach)
    at[1] = min(knees)
    reach.aim(side, at, _towards(sign, 0.7, 0.3, 0.0) + np.array([0.0, -0.5, 0.0]))


def _level(reach: Reach, left: float, up: float, ahead: float) -> Array:
    """A vector along the floor and upwards, with the pelvis' heading."""
    facing = reach.turned("Hips", np.array([0.0, 0.0, 1.0]))
    facing = np.array([facing[0], 0.0, facing[2]])
    facing = facing / max(float(np.linalg.norm(facing)), 1e-6)
    leftwards = np.array([facing[2], 0.0, -facing[0]])
    return np.asarray(left * leftwards + np.array([0.0, up, 0.0]) + ahead * facing)
