"""Colors of people's clothes, two each: enough to identify people after an occlusion.

As in DeepSORT (Wojke 2017) appearance decides where motion can't; but no descriptor is learned, since the joints say
where shirt and trousers are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array

_SIGMA_LAB = np.array([12.0, 6.0, 6.0])
"""How far L, a and b of one garment move from frame to frame with light, folds and the joints' error."""
_COST_CAP = 14.0
_TORSO = ("L_Shoulder", "R_Shoulder", "L_Hip", "R_Hip")
_INNER = np.linspace(0.25, 0.75, 4)
_MOST_POINTS, _FEWEST_POINTS = 17, 4
"""One more than a part has, so that half the points is always an index."""


def clothes_lab(image_bgr: npt.NDArray[np.uint8], joints_img_px: Array, skeleton: Skeleton) -> Array:
    """Median color of the upper and of the lower body, (N, 2, 3) CIE L, a, b; NaN where the joints don't show it.

    image_bgr (H, W, 3), the whole image; joints_img_px (N, J, 2) in it, NaN where unknown.
    """
    parts = _parts(skeleton)
    people = len(joints_img_px)
    if not people or not any(parts):
        return np.full((people, 2, 3), np.nan)
    points = np.full((people, len(parts), _MOST_POINTS, 2), np.nan)
    for part, limbs in enumerate(parts):
        first = 0
        for limb in limbs:
            last = first + len(limb.weights)
            points[:, part, first:last] = limb.weights @ joints_img_px[:, limb.joints]
            first = last
    return _median_lab(image_bgr, points)


def color_cost(track_lab: Array, pose_lab: Array) -> Array:
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


@dataclass(frozen=True, eq=False)
class _Limb:
    """Points between joints: weights (P, K) of the K joints."""

    joints: list[int]
    weights: Array


@lru_cache(maxsize=16)
def _parts(skeleton: Skeleton) -> tuple[tuple[_Limb, ...], tuple[_Limb, ...]]:
    """Where shirt and trousers are looked at, a grid on the torso and the thighs; nothing without shoulders or hips."""
    index = skeleton.index_of
    if not set(_TORSO) <= set(index):
        return (), ()
    across, down = (grid.reshape(-1, 1) for grid in np.meshgrid(_INNER, _INNER))
    torso = np.concatenate([(1 - across) * (1 - down), across * (1 - down), (1 - across) * down, across * down], axis=1)
    along = np.linspace(0.3, 0.95, 6)[:, None]
    thigh = np.concatenate([1 - along, along], axis=1)
    thighs = (_Limb([index[f"{s}_Hip"], index[f"{s}_Knee"]], thigh) for s in "LR" if f"{s}_Knee" in index)
    return (_Limb([index[name] for name in _TORSO], torso),), tuple(thighs)


def _median_lab(image: npt.NDArray[np.uint8], points_px: Array) -> Array:
    """Median colors (N, 2, 3) at points (N, 2, P, 2) of the image; NaN where it has fewer than four of them."""
    at = np.rint(points_px)
    inside = np.asarray(((at >= 0) & (at < [image.shape[1], image.shape[0]])).all(axis=-1), dtype=np.bool_)
    column, row = np.moveaxis(np.where(inside[..., None], at, 0.0).astype(np.intp), -1, 0)
    colors = image[row, column].astype(np.float32).reshape(1, -1, 3) / np.float32(255)
    lab = np.asarray(cv2.cvtColor(colors, cv2.COLOR_BGR2Lab), np.float64).reshape(*inside.shape, 3)
    lab = np.sort(np.where(inside[..., None], lab, np.inf), axis=2)  # those beyond the image come last
    count = inside.sum(axis=-1)[..., None, None]
    middle = (np.take_along_axis(lab, np.maximum(count - 1, 0) // 2, 2) + np.take_along_axis(lab, count // 2, 2)) / 2
    return np.where(count[:, :, 0] >= _FEWEST_POINTS, middle[:, :, 0], np.nan)
