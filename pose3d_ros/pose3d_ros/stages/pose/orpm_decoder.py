"""Occlusion-robust pose-maps (Mehta 2018, sec. 4.2 and 4.3, algorithm 1): joints read where the person can be seen.

A joint's location map holds its 3D place at the person's torso, and at the joints of its own limb. The whole body is
read at the pelvis or the neck, so that it is known where limbs are hidden; then each limb again at its own outermost
joint that is seen, as a map says most of its own surroundings.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import SKELETONS, Skeleton
from pose3d_ros.stages.io_matching import RawOutputs, output
from pose3d_ros.stages.pose.pose_decoding import DecodedJoints, PoseSettings
from pose3d_ros.types import Array

TORSO = ("Pelvis", "Thorax", "Neck")
"""Where the body is read, the first one that is seen."""
LIMBS = (
    ("Head_top", "Head", "Nose"),
    *((f"{side}_Hand", f"{side}_Wrist", f"{side}_Elbow", f"{side}_Shoulder") for side in "LR"),
    *((f"{side}_Toe", f"{side}_Ankle", f"{side}_Knee", f"{side}_Hip") for side in "LR"),
)
"""The joints of each limb, from its end to the torso."""
_SEEN = 0.2
"""Height of a heat map from which its joint's cell is read."""
_NEAR_CELLS = 1.0
"""A limb's joint as near as this to the cell where the body was read says nothing else."""


def decode_orpm(raw: RawOutputs, settings: PoseSettings) -> DecodedJoints:
    """Joints from the heat maps and the maps of x, y and z, (N, J, H, W) each, the place at a cell's center.

    A joint that is not seen has a place in 3D, and a low score. Raises EngineError for maps of different shapes and
    for a skeleton without a pelvis, thorax and neck.
    """
    heat = output(raw, "heat", (None, None, None, None))
    maps = np.stack([output(raw, name, heat.shape) for name in ("x", "y", "z")], axis=-1)
    skeleton = SKELETONS.get(str(settings.skeleton))
    if skeleton is None or heat.shape[1] != len(skeleton):
        raise EngineError(
            "outputs of occlusion-robust pose-maps",
            expected="a map for each joint of the manifest's skeleton",
            got=f"{heat.shape[1]} maps, {'no skeleton' if skeleton is None else skeleton.name}",
            fix="Correct the manifest's skeleton.",
        )
    cells = heat.reshape(*heat.shape[:2], heat.shape[2] * heat.shape[3])
    best = cells.argmax(axis=-1)
    at = np.stack([best // heat.shape[3], best % heat.shape[3]], axis=-1)
    scores = np.clip(np.take_along_axis(cells, best[..., None], axis=-1)[..., 0], 0.0, 1.0)
    read = read_order(skeleton)
    relative = np.array([_read(*person, read) for person in zip(maps, at, scores, strict=True)])
    relative_m = relative.reshape(*heat.shape[:2], 3) * settings.metres_per_unit
    stride_px = np.array([settings.width_px / heat.shape[3], settings.height_px / heat.shape[2]])
    joints_crop_px = (at[..., ::-1] + 0.5) * stride_px - 0.5
    return DecodedJoints(joints_crop_px, relative_m[..., 2], scores, relative_m=relative_m)


def read_order(skeleton: Skeleton) -> tuple[list[int], list[list[int]]]:
    """Indices of the torso's joints and of each limb's, of those that a skeleton has.

    Raises EngineError without any of the torso's.
    """
    torso = [skeleton.index_of[name] for name in TORSO if name in skeleton.index_of]
    if not torso:
        raise EngineError(
            "decoder orpm",
            expected=f"a skeleton with one of {', '.join(TORSO)}",
            got=skeleton.name,
            fix="Correct the manifest's skeleton.",
        )
    limbs = [[skeleton.index_of[name] for name in limb if name in skeleton.index_of] for limb in LIMBS]
    return torso, [limb for limb in limbs if limb]


def _read(maps: Array, at: npt.NDArray[np.intp], scores: Array, order: tuple[list[int], list[list[int]]]) -> Array:
    """Joints (J, 3) of one person, of maps (J, H, W, 3), cells (J, 2) and their heights (J,)."""
    torso, limbs = order
    base = next((joint for joint in torso if scores[joint] >= _SEEN), max(torso, key=lambda joint: scores[joint]))
    joints: Array = maps[:, at[base, 0], at[base, 1]].astype(np.float64)
    for limb in limbs:
        far = (j for j in limb if scores[j] >= _SEEN and np.abs(at[j] - at[base]).max() > _NEAR_CELLS)
        seen = next(far, None)
        if seen is not None:
            joints[limb] = maps[limb, at[seen, 0], at[seen, 1]]
    return joints
