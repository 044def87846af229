"""Random poses for sprites: frames of motions, varied so that few clips give many poses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.types import Array
from pose3d_training.synthetic import postures
from pose3d_training.synthetic.figure import Figure
from pose3d_training.synthetic.motion import BONES, Clip, load_clip
from pose3d_training.synthetic.rig import load_rig

_AT = {bone: i for i, bone in enumerate(BONES)}
_ARM_PARTS = ("Shoulder", "Arm", "ForeArm", "Hand", "FingerBase", "HandFinger1", "Thumb")
_ARMS = tuple(i for i, bone in enumerate(BONES) if bone.endswith(_ARM_PARTS))
_LOOSE_PARTS = ("UpLeg", "Leg", "Arm", "Spine", "LowerBack", "Neck")
_LOOSE = tuple(i for i, bone in enumerate(BONES) if bone.endswith(_LOOSE_PARTS))

_CLIP_WEIGHTS = {"02_01": 4.0, "02_03": 2.0}
_SUBJECT_WEIGHTS = {"01": 0.6, "03": 2.5}
"""People before a robot walk and stand more than they climb (subject 1)."""
_MAX_CLEARANCE_M = 0.4

_POSTURES: tuple[postures.Posture | None, ...] = (
    None, postures.stand, postures.bend, postures.sit, postures.crouch, postures.kneel, postures.lie,
)  # fmt: skip
_POSTURE_SHARES = (0.50, 0.24, 0.06, 0.10, 0.05, 0.025, 0.025)
"""None is the clip's own pose."""


@dataclass(frozen=True, eq=False)
class SampledPose:
    """Global bone rotations (31, 3, 3) of a figure, the clearance of the lowest point over the floor, their source.

    kind: of the posture, where it has a name.
    """

    turned: Array
    clearance_m: float
    clip: str
    frame: int
    kind: str = ""


def sample_pose(assets: Path, clips: tuple[str, ...], figure: Figure, rng: np.random.Generator) -> SampledPose:
    """A frame of a random clip, in half the cases mirrored; often with other arms, a turned head or another posture.

    Clips and postures are mixed such that most people stand or walk, as before a robot.
    """
    clip, frame = random_frame(assets, clips, rng)
    turned = figure.bones(clip, frame)
    local = to_local(figure, turned)
    posture = _POSTURES[int(rng.choice(len(_POSTURES), p=_POSTURE_SHARES))]
    if posture is not None:
        posture(local, rng)
    change_arms(local, figure, posture is postures.stand, assets, clips, rng)
    loosen(local, rng)
    is_jump = posture is None and not clip.name.startswith("01")
    clearance = float(clip.clearance_m[frame]) * figure.leg_length_m / clip.leg_length_m if is_jump else 0.0
    return SampledPose(to_global(figure, local), min(clearance, _MAX_CLEARANCE_M), clip.name, frame)


def loosen(local: Array, rng: np.random.Generator) -> None:
    """Turn the head of every other pose, and the limbs a little, in place."""
    if rng.random() < 0.5:
        turn = Rotation.from_euler("yx", [rng.normal(0, 0.45), rng.normal(0, 0.2)]).as_matrix()
        local[_AT["Head"]] = local[_AT["Head"]] @ turn
    for bone in _LOOSE:
        local[bone] = local[bone] @ Rotation.from_rotvec(rng.normal(0, 0.06, 3)).as_matrix()


def random_frame(assets: Path, clips: tuple[str, ...], rng: np.random.Generator) -> tuple[Clip, int]:
    """A frame of one of the clips, in half the cases mirrored."""
    still = [name for name in clips if name.startswith("bvh/")]
    moving = [name for name in clips if not name.startswith("bvh/")]
    pool = still if still and (not moving or rng.random() < 0.06) else moving
    share = np.array([_CLIP_WEIGHTS.get(name, _SUBJECT_WEIGHTS.get(name[:2], 1.0)) for name in pool])
    clip = load_clip(assets, str(rng.choice(pool, p=share / share.sum())), bool(rng.random() < 0.5))
    return clip, int(rng.integers(len(clip)))


def to_local(figure: Figure, turned: Array) -> Array:
    """Rotations (31, 3, 3) relative to the parents, from global ones."""
    parents = load_rig(figure.assets).parents
    return np.stack([turned[i] if p < 0 else turned[p].T @ turned[i] for i, p in enumerate(parents)])


def to_global(figure: Figure, local: Array) -> Array:
    """Inverse of `to_local`."""
    out = np.empty_like(local)
    for i, parent in enumerate(load_rig(figure.assets).parents):
        out[i] = local[i] if parent < 0 else out[parent] @ local[i]
    return out


def change_arms(
    local: Array, figure: Figure, is_standing: bool, assets: Path, clips: tuple[str, ...], rng: np.random.Generator
) -> None:
    """Leave the clip's arms, take another frame's, or bend them at random: hanging ones are common in standing."""
    kind = rng.random()
    if is_standing and kind < 0.45:
        _random_arms(local, figure, rng, hanging=True)
    elif kind < 0.65:
        other, at = random_frame(assets, clips, rng)
        local[list(_ARMS)] = to_local(figure, figure.bones(other, at))[list(_ARMS)]
    elif kind < 0.88:
        _random_arms(local, figure, rng)


def _random_arms(local: Array, figure: Figure, rng: np.random.Generator, hanging: bool = False) -> None:
    """Upper arms in any direction a shoulder allows, elbows bent by up to 140°, each side on its own."""
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        if not hanging and rng.random() < 0.3:
            continue
        upper, lower, hand = (_AT[side + part] for part in ("Arm", "ForeArm", "Hand"))
        along = figure.heads_m[lower] - figure.heads_m[upper]
        fore = figure.heads_m[hand] - figure.heads_m[lower]
        along, fore = along / np.linalg.norm(along), fore / np.linalg.norm(fore)
        elevation = np.clip(rng.normal(-1.3, 0.12) if hanging else rng.normal(-0.6, 0.7), -1.5, 1.3)
        azimuth = rng.uniform(-0.4, 1.9)
        flat = np.cos(elevation)
        goal = np.array([sign * flat * np.cos(azimuth), np.sin(elevation), flat * np.sin(azimuth)])
        turn, _ = Rotation.align_vectors(goal[None], along[None])
        twist = Rotation.from_rotvec(along * rng.uniform(-0.8, 0.8))
        local[upper] = (turn * twist).as_matrix()
        hinge = np.cross(along, fore)
        hinge /= np.linalg.norm(hinge)
        rest_bend = float(np.arccos(np.clip(along @ fore, -1, 1)))
        local[lower] = Rotation.from_rotvec(
            hinge * (rng.uniform(0.05, 0.7 if hanging else 2.4) - rest_bend)
        ).as_matrix()
