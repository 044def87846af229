"""Points of a body that MediaPipe's landmarks are compared with: the joints of bodies, heels and tips of toes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from pose3d_ros.types import Array
from pose3d_training.synthetic import Array32
from pose3d_training.synthetic.body import BODY_VERTICES, SYNTH_JOINTS, load_base_mesh, posed_joints
from pose3d_training.synthetic.figure import Figure
from pose3d_training.synthetic.motion import BONES
from pose3d_training.synthetic.rig import bone_transforms, load_rig

_FEET = ("L_Heel", "R_Heel", "L_Toe_Tip", "R_Toe_Tip")
BODY_POINTS: tuple[str, ...] = (*SYNTH_JOINTS, *_FEET)
LANDMARKS: tuple[str, ...] = (
    "Nose", "L_Ear", "R_Ear", "L_Shoulder", "R_Shoulder", "L_Elbow", "R_Elbow", "L_Wrist", "R_Wrist", "L_Hip", "R_Hip",
    "L_Knee", "R_Knee", "L_Ankle", "R_Ankle", "L_Heel", "R_Heel", "L_Toe", "R_Toe",
)  # fmt: skip
"""Of MediaPipe's 33 those that a lifter reads: fingers and the details of a face say little of the rest."""
LANDMARK_POINTS: tuple[str, ...] = tuple(name.replace("_Toe", "_Toe_Tip") for name in LANDMARKS)
"""The body's points that they stand for: a foot's index is the tip of its toes."""


@lru_cache(maxsize=8)
def _foot_vertices(assets: Path) -> tuple[tuple[int, str], ...]:
    """Vertex of the base mesh and bone of each of _FEET."""
    skin = load_base_mesh(assets).vertices_m[:BODY_VERTICES]
    low = skin[:, 1] < skin[:, 1].min() + 0.05
    picks = []
    for name in _FEET:
        left, heel = name.startswith("L"), "Heel" in name
        own = np.flatnonzero(low & ((skin[:, 0] > 0) == left))
        at = own[skin[own, 2].argmin() if heel else skin[own, 2].argmax()]
        bone = ("Left" if left else "Right") + ("Foot" if heel else "ToeBase")
        picks.append((int(at), bone))
    return tuple(picks)


def body_points_m(figure: Figure, turned: Array) -> Array:
    """The points (31, 3) of BODY_POINTS of a figure posed by global rotations (31, 3, 3); y up, the floor anywhere."""
    maps = bone_transforms(load_rig(figure.assets), figure.heads_m, turned)
    body: Array32 = figure.body_m
    feet = [
        maps[BONES.index(bone)][:, :3] @ body[v] + maps[BONES.index(bone)][:, 3]
        for v, bone in _foot_vertices(figure.assets)
    ]
    return np.concatenate([posed_joints(figure.assets, figure.joints_rest_m, maps), feet])
