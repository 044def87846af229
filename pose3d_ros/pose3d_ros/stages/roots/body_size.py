"""How tall a skeleton is when it stands straight, from its bones."""

from __future__ import annotations

import numpy as np

from pose3d_ros.records import Pose

_TRUNK = ("Head_top", "Thorax", "Spine", "Pelvis")
_LEG = ("Hip", "Knee", "Ankle")
_BELOW_ANKLE_M = 0.085
_TALLER = 1.018
"""Stature over the sum of the bones between crown and soles: 0.993 in the rendered people's own skeletons; what the
nets see of upright people is 2.5% short of that."""


def standing_height_m(pose: Pose) -> float:
    """Metres; NaN where a joint between the crown and an ankle is missing."""
    at = pose.skeleton.index_of
    chains = [tuple(f"{side}_{part}" for part in _LEG) for side in ("L", "R")]
    if not all(name in at for chain in (_TRUNK, *chains) for name in chain):
        return float("nan")
    legs = [_length_m(pose, chain) for chain in chains]
    hips_m = pose.joints_cam_m[[at["L_Hip"], at["R_Hip"]]].mean(axis=0)
    drop_m = float(np.linalg.norm(pose.joints_cam_m[at["Pelvis"]] - hips_m))
    return _TALLER * (_length_m(pose, _TRUNK) + drop_m + float(np.mean(legs)) + _BELOW_ANKLE_M)


def _length_m(pose: Pose, chain: tuple[str, ...]) -> float:
    points_m = pose.joints_cam_m[[pose.skeleton.index_of[name] for name in chain]]
    return float(np.linalg.norm(np.diff(points_m, axis=0), axis=1).sum())
