"""Tracks of people who sit, kneel, lie, stand or gesture and change little: what the recorded motions lack."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS, posed_joints
from pose3d_training.synthetic.everyday_poses import KINDS, everyday_pose
from pose3d_training.synthetic.figure import Figure, make_figure
from pose3d_training.synthetic.motion import BONES, FPS, training_clips
from pose3d_training.synthetic.pose_sampling import to_global, to_local
from pose3d_training.synthetic.rig import bone_transforms, load_rig

_SECONDS = 6
_TRACKS = 12
_HOLD_S, _CHANGE_S = (0.0, 1.5), (0.4, 2.5)
_ARMS = [i for i, bone in enumerate(BONES) if bone.endswith(("Arm", "Hand"))]
_LOOSE = [i for i, bone in enumerate(BONES) if bone.endswith(("Spine", "LowerBack", "Neck", "Head", "UpLeg", "Leg"))]
_SWAY_RAD = 0.12
_PELVIS = SYNTH_JOINTS.index("Pelvis")


def posture_tracks(assets: Path, bodies: Sequence[int]) -> list[Array]:
    """Some tracks on each of the bodies (seeds): (T, 27, 3) in SYNTH_JOINTS' order, metres, y up, at FPS."""
    clips = training_clips(assets)
    out = []
    for body in bodies:
        figure, rng = make_figure(assets, body), np.random.default_rng([body, 21])
        out += [_track(figure, clips, rng) for _ in range(_TRACKS)]
    return out


def _track(figure: Figure, clips: tuple[str, ...], rng: np.random.Generator) -> Array:
    """A posture whose arms do in turn what they do in it, while trunk, head and legs move a little."""
    kind = KINDS[int(rng.integers(1, len(KINDS)))]  # the first is the clips' own poses

    def sampled() -> Array:
        return to_local(figure, everyday_pose(figure.assets, clips, figure, rng, kind).turned)

    first = sampled()
    poses, seconds = [first, first], [0.0, float(rng.uniform(*_HOLD_S))]
    while seconds[-1] < _SECONDS:
        pose = first.copy()
        if rng.random() < 0.7:
            pose[_ARMS] = sampled()[_ARMS]
        sway = Rotation.from_rotvec(rng.normal(0, _SWAY_RAD, (len(_LOOSE), 3))).as_matrix()
        pose[_LOOSE] = pose[_LOOSE] @ sway
        poses += [pose, pose]
        changed_s = seconds[-1] + float(rng.uniform(*_CHANGE_S))
        seconds += [changed_s, changed_s + float(rng.uniform(*_HOLD_S))]
    times_s = np.arange(_SECONDS * int(FPS), dtype=np.float64) / FPS
    return _joints(figure, _between(np.array(seconds), np.array(poses), times_s))


def _between(seconds: Array, poses: Array, times_s: Array) -> Array:
    """Local rotations (T, 31, 3, 3) at times between keys, on the shortest ways, starting and ending gently."""
    after = np.clip(np.searchsorted(seconds, times_s, side="right"), 1, len(seconds) - 1)
    part = np.clip((times_s - seconds[after - 1]) / np.maximum(seconds[after] - seconds[after - 1], 1e-9), 0, 1)
    ease = part**3 * (10 - 15 * part + 6 * part**2)
    start = Rotation.from_matrix(poses[after - 1].reshape(-1, 3, 3))
    way = (start.inv() * Rotation.from_matrix(poses[after].reshape(-1, 3, 3))).as_rotvec()
    turned = start * Rotation.from_rotvec(way * np.repeat(ease, poses.shape[1])[:, None])
    return np.asarray(turned.as_matrix().reshape(len(times_s), -1, 3, 3))


def _joints(figure: Figure, local: Array) -> Array:
    """Joints (T, 27, 3): the pelvis over a spot, the lowest joint on the floor."""
    rig = load_rig(figure.assets)
    maps = (bone_transforms(rig, figure.heads_m, to_global(figure, pose)) for pose in local)
    joints = np.stack([posed_joints(figure.assets, figure.joints_rest_m, m) for m in maps])
    joints[..., [0, 2]] -= joints[:, [_PELVIS]][..., [0, 2]]
    joints[..., 1] -= joints[..., 1].min(axis=1, keepdims=True)
    return np.asarray(joints, np.float64)
