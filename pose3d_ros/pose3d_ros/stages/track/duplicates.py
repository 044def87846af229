"""Two detections of one person give two poses that coincide in the image; only the better one is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pose3d_ros.geometry.boxes import iou_matrix, suppress_overlaps
from pose3d_ros.records import Pose
from pose3d_ros.types import Array

_JOINT_SIGMA = 0.1
"""Distance, as a fraction of the smaller person's size, at which a joint's similarity falls to exp(-1/2)."""
_MIN_SHARED_JOINTS = 3


def drop_duplicates(poses: Sequence[Pose], overlap: float) -> tuple[Pose, ...]:
    """The poses without those that coincide with a better scored one to more than `overlap` (0–1), in their order."""
    if len(poses) < 2:
        return tuple(poses)
    scores = np.array([p.detection.score for p in poses])
    kept = suppress_overlaps(image_similarity(poses) > overlap, scores, len(poses))
    return tuple(poses[i] for i in sorted(kept))


def image_similarity(poses: Sequence[Pose]) -> Array:
    """Similarity of every pair, (N, N) in 0–1, 1 on the diagonal.

    The mean of exp(-d² / 2σ²) over the joints that both have (COCO's object keypoint similarity with one σ, in
    proportion to the side of the smaller box); the boxes' IoU where they share fewer than three joints.
    """
    boxes = np.array([p.detection.box_xyxy_px for p in poses])
    joints = np.array([p.joints_img_px for p in poses])
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=-1)
    variance = _JOINT_SIGMA**2 * np.minimum(area[:, None], area[None, :])
    squared = ((joints[:, None] - joints[None, :]) ** 2).sum(axis=-1)
    shared = np.isfinite(squared)
    alike = np.where(shared, np.exp(-np.where(shared, squared, 0.0) / (2.0 * variance[..., None])), 0.0)
    count = shared.sum(axis=-1)
    mean = alike.sum(axis=-1) / np.maximum(count, 1)
    result: Array = np.where(count >= _MIN_SHARED_JOINTS, mean, iou_matrix(boxes, boxes))
    return result
