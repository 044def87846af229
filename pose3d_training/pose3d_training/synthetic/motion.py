"""Motion clips on the bones of MakeHuman's CMU rig, and which of them may be trained on.

A clip holds only rotations relative to the rest pose of the skeleton that was recorded; `rig.py` turns them into
rotations of a body, whose rest pose differs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.ndimage import minimum_filter1d, uniform_filter1d
from scipy.spatial.transform import Rotation, Slerp

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array
from pose3d_training.synthetic.motion_files import Source, read_asf_amc, read_bvh

FPS = 30.0
EVALUATION = ("02_02", "02_10", "03_04", "bvh/walk1")
"""Clips held out for evaluation; never trained on."""
_NOT_MOTIONS = ("bvh/tpose", "bvh/benchmark")

BONES = (
    "Hips", "LHipJoint", "LeftUpLeg", "LeftLeg", "LeftFoot", "LeftToeBase",
    "RHipJoint", "RightUpLeg", "RightLeg", "RightFoot", "RightToeBase",
    "LowerBack", "Spine", "Spine1", "Neck", "Neck1", "Head",
    "LeftShoulder", "LeftArm", "LeftForeArm", "LeftHand", "LeftFingerBase", "LeftHandFinger1", "LThumb",
    "RightShoulder", "RightArm", "RightForeArm", "RightHand", "RightFingerBase", "RightHandFinger1", "RThumb",
)  # fmt: skip
"""Bones of rigs/standard/rig.cmu_mb.json, parents first."""

_ASF_BONES = (
    "root", "lhipjoint", "lfemur", "ltibia", "lfoot", "ltoes",
    "rhipjoint", "rfemur", "rtibia", "rfoot", "rtoes",
    "lowerback", "upperback", "thorax", "lowerneck", "upperneck", "head",
    "lclavicle", "lhumerus", "lradius", "lwrist", "lhand", "lfingers", "lthumb",
    "rclavicle", "rhumerus", "rradius", "rwrist", "rhand", "rfingers", "rthumb",
)  # fmt: skip
_BVH75_BONES = (
    "Hips", "Hips", "UpLeg_L", "LoLeg_L", "Foot_L", "Toe_L", "Hips", "UpLeg_R", "LoLeg_R", "Foot_R", "Toe_R",
    "Spine1", "Spine2", "Spine3", "Neck", "Neck", "Head",
    "Clavicle_L", "UpArm_L", "LoArm_L", "Hand_L", "Hand_L", "Middle1_L", "Thumb1_L",
    "Clavicle_R", "UpArm_R", "LoArm_R", "Hand_R", "Hand_R", "Middle1_R", "Thumb1_R",
)  # fmt: skip
_BVH163_BONES = (
    "root", "pelvis.L", "upperleg02.L", "lowerleg02.L", "foot.L", "foot.L",
    "pelvis.R", "upperleg02.R", "lowerleg02.R", "foot.R", "foot.R",
    "spine04", "spine03", "spine01", "neck01", "neck02", "head",
    "shoulder01.L", "upperarm02.L", "lowerarm02.L", "wrist.L", "wrist.L", "finger3-1.L", "finger1-1.L",
    "shoulder01.R", "upperarm02.R", "lowerarm02.R", "wrist.R", "wrist.R", "finger3-1.R", "finger1-1.R",
)  # fmt: skip

_ASF_TWIST_RAD = np.deg2rad(30.0)
"""In CMU's zero pose the elbow's hinge (axis 180 -30 -90) is turned 30° up from the rig's, which bends forward."""
_CONTACT_FRAMES = 45


@dataclass(frozen=True, eq=False)
class Clip:
    """A motion at FPS on BONES (B = 31).

    rotations (T, B, 3, 3): global rotation relative to the source's rest pose. rest_dirs (B, 3): unit direction of the
    source's bone at rest, NaN where the rig's bone needs no alignment (trunk, head). root_m (T, 3): path of the pelvis,
    y up. leg_length_m: hip to ankle of the source. clearance_m (T,): height of the lowest foot over the floor
    it stood on within 1.5 s (jumps). arm_twist_rad: rest twist of the upper arms against the rig's. palms_down: the
    source's rest pose is a T with palms down, so that the hands can be aligned exactly.
    """

    name: str
    rotations: Array
    rest_dirs: Array
    root_m: Array
    leg_length_m: float
    clearance_m: Array
    arm_twist_rad: float = 0.0
    palms_down: bool = False

    def __len__(self) -> int:
        return len(self.root_m)

    def mirrored(self) -> Clip:
        """The same motion with left and right exchanged."""
        flip = np.diag([-1.0, 1.0, 1.0])
        swap = [BONES.index(mirror_name(bone)) for bone in BONES]
        return replace(
            self,
            name=self.name + "/mirrored",
            rotations=flip @ self.rotations[:, swap] @ flip,
            rest_dirs=self.rest_dirs[swap] @ flip,
            root_m=self.root_m @ flip,
        )


def mirror_name(bone: str) -> str:
    """Name of the bone on the other side."""
    if bone.startswith("Left"):
        return "Right" + bone[4:]
    if bone.startswith("Right"):
        return "Left" + bone[5:]
    if bone[0] in "LR" and bone[1].isupper():
        return ("R" if bone[0] == "L" else "L") + bone[1:]
    return bone


def evaluation_clips(assets: Path) -> tuple[str, ...]:
    """Names of the held-out clips that are in the folder."""
    return tuple(name for name in _all_clips(assets) if name in EVALUATION)


def training_clips(assets: Path) -> tuple[str, ...]:
    """Names of the clips that may be trained on."""
    return tuple(name for name in _all_clips(assets) if name not in EVALUATION and name not in _NOT_MOTIONS)


def _all_clips(assets: Path) -> tuple[str, ...]:
    cmu = sorted(path.name.split(".")[0] for path in (assets / "cmu_mocap").glob("*.amc*"))
    bvh = sorted("bvh/" + path.stem for path in (assets / "makehuman" / "bvh").glob("*.bvh"))
    if not cmu:
        raise InputError(
            str(assets),
            expected="motions in cmu_mocap/*.amc.gz",
            got="none",
            fix="Give the folder of assets with --assets.",
        )
    return (*cmu, *bvh)


@lru_cache(maxsize=256)
def load_clip(assets: Path, name: str, mirrored: bool = False) -> Clip:
    """Clip by name: `SS_NN` of CMU or `bvh/<file>` of MakeHuman, at 30 frames/s."""
    if mirrored:
        return load_clip(assets, name).mirrored()
    if name.startswith("bvh/"):
        source = read_bvh(assets / "makehuman" / "bvh" / f"{name[4:]}.bvh")
        table = _BVH75_BONES if "UpLeg_L" in source.names else _BVH163_BONES
        return _clip(name, source, table, twist_rad=0.0)
    folder = assets / "cmu_mocap"
    amc = next((p for p in (folder / f"{name}.amc.gz", folder / f"{name}.amc") if p.exists()), folder / f"{name}.amc")
    return _clip(name, read_asf_amc(folder / f"{name[:2]}.asf", amc), _ASF_BONES, twist_rad=_ASF_TWIST_RAD)


def _clip(name: str, source: Source, table: tuple[str, ...], twist_rad: float) -> Clip:
    index = [source.names.index(bone) for bone in table]
    heads, at = source.rest_head_m[index], BONES.index
    rest_dirs = np.full((len(BONES), 3), np.nan)
    for side in ("Left", "Right"):
        for bone, end in (("UpLeg", "Leg"), ("Leg", "Foot"), ("Arm", "ForeArm"), ("ForeArm", "Hand")):
            rest_dirs[at(side + bone)] = _unit(heads[at(side + end)] - heads[at(side + bone)])
        rest_dirs[at(side + "Foot")] = _unit(source.rest_tail_m[index[at(side + "Foot")]] - heads[at(side + "Foot")])
    leg = np.linalg.norm(np.diff(heads[[at("LeftUpLeg"), at("LeftLeg"), at("LeftFoot")]], axis=0), axis=1).sum()
    rotations, root, fps = source.rotations[:, index], source.heads_m()[:, index[0]], source.fps
    feet = source.tails_m()[:, [index[at(bone)] for bone in BONES if "Foot" in bone or "Toe" in bone], 1].min(axis=1)
    if len(root) > 1 and abs(fps - FPS) > 1e-3:
        rotations, root, feet = _resampled(rotations, root, feet, fps)
    return Clip(name, rotations, rest_dirs, root, float(leg), _clearance(feet), twist_rad, table is _ASF_BONES)


def _clearance(feet_m: Array) -> Array:
    floor = minimum_filter1d(feet_m, 2 * _CONTACT_FRAMES + 1, mode="nearest")
    floor = uniform_filter1d(floor, _CONTACT_FRAMES, mode="nearest")
    return np.asarray(np.clip(feet_m - floor - 0.02, 0.0, None))


def _resampled(rotations: Array, root: Array, feet: Array, fps: float) -> tuple[Array, Array, Array]:
    old = np.arange(len(root)) / fps
    new = np.arange(0.0, old[-1] + 1e-9, 1.0 / FPS)
    turned = [Slerp(old, Rotation.from_matrix(rotations[:, b]))(new).as_matrix() for b in range(rotations.shape[1])]
    path = np.stack([np.interp(new, old, root[:, k]) for k in range(3)], axis=1)
    return np.stack(turned, axis=1), path, np.interp(new, old, feet)


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))
