"""Poses of everyday life for nets that learn from joints alone: each kind with legs and arms that go together.

`pose_sampling` mixes poses as a robot meets them, most of them standing; here rare ones are as frequent as others, and
those made from angles keep to the limits of joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.types import Array
from pose3d_training.synthetic import arm_postures as arms
from pose3d_training.synthetic import floor_postures as floor
from pose3d_training.synthetic import postures
from pose3d_training.synthetic.figure import Figure
from pose3d_training.synthetic.joint_limits import beyond_limits
from pose3d_training.synthetic.limb_aiming import Reach
from pose3d_training.synthetic.motion import BONES
from pose3d_training.synthetic.pose_sampling import SampledPose, change_arms, loosen, random_frame, to_global, to_local

_AT = {bone: i for i, bone in enumerate(BONES)}
_UPRIGHT = (
    arms.crossed, arms.on_hip, arms.in_pocket, arms.on_head, arms.at_face, arms.before_body, arms.behind_back,
    arms.stretched, arms.on_handlebar,
)  # fmt: skip
_SEATED = (
    arms.on_thigh, arms.on_thigh, arms.beside_seat, arms.before_body, arms.on_handlebar, arms.crossed, arms.at_face,
    arms.on_head, arms.stretched,
)  # fmt: skip
_GROUND = (arms.propped, arms.on_thigh, arms.before_body, arms.round_shin, arms.at_face, arms.stretched, arms.on_head)
_LYING = (arms.before_body, arms.on_head, arms.at_face, arms.on_hip, arms.stretched)


@dataclass(frozen=True)
class Kind:
    """A kind of pose. share: of all. posture: None is the clip's own. arms: what each may do; none: as in the clip."""

    name: str
    share: float
    posture: postures.Posture | None
    arms: Sequence[arms.ArmPosture] = ()
    always: bool = False
    """Whether the arms always do one of those, rather than in two thirds of the poses."""


KINDS = (
    Kind("motion", 0.22, None),
    Kind("motion, arms", 0.10, None, _UPRIGHT, always=True),
    Kind("standing", 0.16, postures.stand, _UPRIGHT),
    Kind("stepping", 0.03, postures.step_up, _UPRIGHT),
    Kind("bending", 0.06, postures.bend_down, (arms.stretched, arms.on_thigh, arms.before_body, arms.on_handlebar)),
    Kind("sitting", 0.12, postures.sit_relaxed, _SEATED),
    Kind("wheelchair", 0.02, postures.sit_relaxed, (arms.beside_seat, arms.on_thigh), always=True),
    Kind("cycling", 0.03, postures.cycle, (arms.on_handlebar,), always=True),
    Kind("crouching", 0.03, postures.crouch, _GROUND),
    Kind("squatting", 0.03, floor.squat, (arms.before_body, arms.on_thigh, arms.stretched, arms.at_face)),
    Kind("kneeling", 0.03, postures.kneel, _SEATED),
    Kind("on heels", 0.02, floor.sit_on_heels, _SEATED),
    Kind("cross-legged", 0.035, floor.sit_cross_legged, _GROUND),
    Kind("side sitting", 0.025, floor.sit_sideways, _GROUND),
    Kind("long sitting", 0.03, floor.sit_with_long_legs, _GROUND),
    Kind("all fours", 0.02, floor.go_on_all_fours, (arms.on_floor,), always=True),
    Kind("lying", 0.04, floor.lie_turned, _LYING),
)
_TRIES = 30


def everyday_pose(
    assets: Path, clips: tuple[str, ...], figure: Figure, rng: np.random.Generator, kind: Kind | None = None
) -> SampledPose:
    """A pose of a kind, by default a random one by the kinds' shares; recorded frames are varied."""
    if kind is None:
        share = np.array([k.share for k in KINDS])
        kind = KINDS[int(rng.choice(len(KINDS), p=share / share.sum()))]
    clip, frame = random_frame(assets, clips, rng)
    recorded = to_local(figure, figure.bones(clip, frame))
    for _ in range(_TRIES):
        local = recorded.copy()
        _take(local, kind, figure, assets, clips, rng)
        beyond = beyond_limits(figure, local)
        if not beyond or (kind.posture is None and not kind.arms):
            break
    return SampledPose(to_global(figure, local), 0.0, clip.name, frame, kind.name)


def _take(
    local: Array, kind: Kind, figure: Figure, assets: Path, clips: tuple[str, ...], rng: np.random.Generator
) -> None:
    if kind.posture is not None:
        kind.posture(local, rng)
    if kind.posture is not None or rng.random() < 0.5:
        loosen(local, rng)
    if kind.arms and (kind.always or rng.random() < 0.67):
        _aim_arms(local, kind.arms, figure, rng)
    else:
        change_arms(local, figure, kind.posture is postures.stand, assets, clips, rng)
    for side in ("Left", "Right"):
        wrist = Rotation.from_rotvec(rng.normal(0, 0.15, 3)).as_matrix()
        local[_AT[side + "Hand"]] = local[_AT[side + "Hand"]] @ wrist


def _aim_arms(local: Array, choices: Sequence[arms.ArmPosture], figure: Figure, rng: np.random.Generator) -> None:
    """Both arms do the same in every other pose; else each its own, one of them perhaps as it was."""
    reach = Reach.of(figure, local)
    first = choices[int(rng.integers(len(choices)))]
    same, free = rng.random() < 0.5 or first is arms.crossed, rng.random() < 0.3
    for side, sign in postures.SIDES:
        if same:
            first(reach, side, sign, rng)
        elif not (free and sign < 0):
            others = [c for c in choices if c is not arms.crossed] or choices
            others[int(rng.integers(len(others)))](reach, side, sign, rng)
