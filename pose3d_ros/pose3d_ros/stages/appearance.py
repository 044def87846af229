"""What people wear, as two colours each: enough to tell who comes out from behind whom.

As in DeepSORT (Wojke 2017) appearance decides where motion can't; but no descriptor is learned, since the joints say
where shirt and trousers are.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.records import Array
from pose3d_ros.skeletons import Skeleton

_SIGMA_LAB = np.array([24.0, 12.0, 12.0])
"""How far L, a and b of one garment move from frame to frame with light, folds and the joints' error."""
_COST_CAP = 14.0
_TORSO = ("L_Shoulder", "R_Shoulder", "L_Hip", "R_Hip")
_INNER = np.linspace(0.25, 0.75, 4)


def clothes_lab(image_bgr: npt.NDArray[np.uint8], joints_img_px: Array, skeleton: Skeleton) -> Array:
    """Median colour of the upper and of the lower body, (N, 2, 3) CIE L, a, b; NaN where the joints don't show it.

    image_bgr (H, W, 3), the whole image; joints_img_px (N, J, 2) in it, NaN where unknown.
    """
    out = np.full((len(joints_img_px), 2, 3), np.nan)
    if not set(_TORSO) <= set(skeleton.joints):
        return out
    for person, joints in enumerate(joints_img_px):
        for part, points in enumerate((_torso_points(joints, skeleton), _leg_points(joints, skeleton))):
            out[person, part] = _median_lab(image_bgr, points)
    return out


def colour_cost(track_lab: Array, pose_lab: Array) -> Array:
    """How unlike the clothes are, (T, N): squared distance over its variance, capped; unseen parts don't count.

    track_lab (T, 2, 3), pose_lab (N, 2, 3).
    """
    squared = (((track_lab[:, None] - pose_lab[None]) / _SIGMA_LAB) ** 2).sum(axis=-1)
    known = np.isfinite(squared)
    mean = np.where(known, squared, 0.0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
    cost: Array = np.minimum(mean, _COST_CAP)
    return cost


def blended_lab(before: Array, now: Array, share: float) -> Array:
    """`before` moved by `share` towards `now`, (2, 3); a part known in one of them only is that one's."""
    mixed = before + share * (now - before)
    return np.where(np.isfinite(mixed), mixed, np.where(np.isfinite(before), before, now))


def _torso_points(joints: Array, skeleton: Skeleton) -> Array:
    left_top, right_top, left_low, right_low = (joints[skeleton.index_of[name]] for name in _TORSO)
    across, down = np.meshgrid(_INNER, _INNER)
    across, down = across.reshape(-1, 1), down.reshape(-1, 1)
    top, low = left_top + across * (right_top - left_top), left_low + across * (right_low - left_low)
    points: Array = top + down * (low - top)
    return points


def _leg_points(joints: Array, skeleton: Skeleton) -> Array:
    points = []
    for side in "LR":
        if f"{side}_Knee" in skeleton.index_of:
            hip, knee = joints[skeleton.index_of[f"{side}_Hip"]], joints[skeleton.index_of[f"{side}_Knee"]]
            points.append(hip + np.linspace(0.3, 0.95, 6)[:, None] * (knee - hip))
    return np.concatenate(points) if points else np.empty((0, 2))


def _median_lab(image: npt.NDArray[np.uint8], points: Array) -> Array:
    points = points[np.isfinite(points).all(axis=-1)]
    at = np.rint(points).astype(np.int64)
    at = at[((at >= 0) & (at < [image.shape[1], image.shape[0]])).all(axis=-1)]
    if len(at) < 4:
        return np.full(3, np.nan)
    colours = image[at[:, 1], at[:, 0]].astype(np.float32)[None] / np.float32(255)
    lab = cv2.cvtColor(colours, cv2.COLOR_BGR2Lab)[0]
    return np.asarray(np.median(lab, axis=0), np.float64)
