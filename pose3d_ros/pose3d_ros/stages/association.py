"""Association of poses with tracks: costs, the best one-to-one assignment (Hungarian), and duplicates."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.boxes import iou_matrix, suppress_overlaps
from pose3d_ros.records import Pose
from pose3d_ros.types import Array

Pairs = list[tuple[int, int]]

_SHAPE_SIGMA_M = 0.1
"""How far joints, relative to the root, move from one frame to the next, with the nets' noise."""
_SHAPE_SIGMA_GROWTH_MPS = 0.3
"""How fast a pose that is no longer seen becomes unknown: a stride reverses the legs in about half a second."""
_SHAPE_COST_CAP = 10.0
_REAPPEAR_COST = 4.0
"""Twice the log-odds that someone seen in the last frame, rather than someone hidden, is the one seen now."""
_BOX_COST = 3.0
_SIZE_SIGMA = 0.08
"""How much the logarithm of a box's height changes from frame to frame, by gait and the detector's noise."""
_SIZE_COST_CAP = 6.0
_IMAGE_MIN_IOU = 0.4
_IMAGE_MAX_LOG_RATIO = 0.15
_JOINT_SIGMA = 0.1
"""Distance, as a fraction of the smaller person's size, at which a joint's similarity falls to exp(-1/2)."""
_MIN_SHARED_JOINTS = 3
_LIMB_RADIUS = 0.1
"""Of a person's size: a joint nearer than that to a limb lies on it."""


def assign(cost: Array, unmatched_cost: float) -> Pairs:
    """Pairs (row, column) of least total cost, where leaving a row unmatched costs `unmatched_cost`.

    cost (T, N), inf for what may not be. Capping makes a pair that is no better than none cost the same as none.
    """
    possible = cost < unmatched_cost
    rows, columns = np.flatnonzero(possible.any(axis=1)), np.flatnonzero(possible.any(axis=0))
    if not rows.size:
        return []
    capped = np.where(possible, cost, unmatched_cost)[np.ix_(rows, columns)]
    if len(rows) <= len(columns):
        pairs = [(int(row), int(columns[at])) for row, at in zip(rows, _columns_of_rows(capped), strict=True)]
    else:
        pairs = [(int(rows[at]), int(column)) for column, at in zip(columns, _columns_of_rows(capped.T), strict=True)]
    return sorted(pair for pair in pairs if possible[pair])


def _columns_of_rows(cost: Array) -> list[int]:
    """The column of each row, each another one, of least total cost; finite cost (T, N), T ≤ N.

    SciPy's `linear_sum_assignment` would be a third of the nodes' memory and time of start, for a few people.
    """
    nearest: list[int] = cost.argmin(axis=1).tolist()
    if len(set(nearest)) == len(nearest):
        return nearest
    return _shortest_augmenting_paths(cost.tolist())


def _shortest_augmenting_paths(cost: list[list[float]]) -> list[int]:
    """The column of each row (D. F. Crouse, IEEE Trans. AES 52(4), 2016, sec. III), of lists: arrays pay from 20 on."""
    columns = range(len(cost[0]))
    row_price, column_price = [0.0] * len(cost), [0.0] * len(columns)
    column_of, row_of = [-1] * len(cost), [-1] * len(columns)
    for start in range(len(cost)):
        length, before = [math.inf] * len(columns), [start] * len(columns)
        left, reached = set(columns), []
        row, shortest = start, 0.0
        while row >= 0:
            costs, offset = cost[row], shortest - row_price[row]
            for column in left:
                along = offset + costs[column] - column_price[column]
                if along < length[column]:
                    length[column], before[column] = along, row
            column = min(left, key=length.__getitem__)
            shortest, row = length[column], row_of[column]
            left.remove(column)
            reached.append(column)
        row_price[start] += shortest
        for passed in reached[:-1]:
            row_price[row_of[passed]] += shortest - length[passed]
        for passed in reached:
            column_price[passed] -= shortest - length[passed]
        row = -1
        while row != start:
            row = before[column]
            row_of[column], column_of[row], column = row, column, column_of[row]
    return column_of


def shape_cost(track_joints_m: Array, pose_joints_m: Array, age_s: Array) -> Array:
    """How unlike the body poses are, (T, N): squared mean distance of root-relative joints over its variance.

    track_joints_m (T, J, 3), last seen age_s (T,) ago; pose_joints_m (N, J, 3); NaN joints are left out.
    """
    distance = np.linalg.norm(track_joints_m[:, None] - pose_joints_m[None], axis=-1)
    shared = np.isfinite(distance)
    mean = np.where(shared, distance, 0.0).sum(axis=-1) / np.maximum(shared.sum(axis=-1), 1)
    sigma = _SHAPE_SIGMA_M + _SHAPE_SIGMA_GROWTH_MPS * age_s
    cost: Array = np.minimum((mean / sigma[:, None]) ** 2, _SHAPE_COST_CAP)
    return cost


def image_cost(iou: Array, log_height_ratio: Array, eligible: npt.NDArray[np.bool_]) -> Array:
    """1 − IoU, (T, N), inf for boxes that differ and for tracks that are not eligible (T,)."""
    alike = (iou >= _IMAGE_MIN_IOU) & (np.abs(log_height_ratio) <= _IMAGE_MAX_LOG_RATIO)
    return np.where(alike & eligible[:, None], 1.0 - iou, np.inf)


def drop_duplicates(poses: Sequence[Pose], overlap: float) -> tuple[Pose, ...]:
    """The poses, in their order, without those that coincide in the image with a better scored one.

    overlap: similarity, 0–1, from which on two poses are one person's.
    """
    if len(poses) < 2:
        return tuple(poses)
    scores = np.array([p.detection.score for p in poses])
    kept = suppress_overlaps(image_similarity(poses) > overlap, scores, len(poses))
    return tuple(poses[i] for i in sorted(kept))


def image_similarity(poses: Sequence[Pose]) -> Array:
    """Similarity of every pair, (N, N) in 0–1, 1 on the diagonal, see `joint_similarity`."""
    boxes = np.array([p.detection.box_xyxy_px for p in poses])
    joints_px = np.array([p.joints_img_px for p in poses])
    return joint_similarity(joints_px, joints_px, boxes, boxes)


def joint_similarity(a_px: Array, b_px: Array, a_boxes_px: Array, b_boxes_px: Array) -> Array:
    """Similarity, (T, N) in 0–1, of every pair of bodies with joints (T, J, 2), (N, J, 2) and boxes (T, 4), (N, 4).

    The mean of exp(-d² / 2σ²) over the joints that both have (COCO's object keypoint similarity with one σ, in
    proportion to the side of the smaller box); the boxes' IoU where they share fewer than three joints.
    """
    a_area, b_area = ((boxes[:, 2:] - boxes[:, :2]).prod(axis=-1) for boxes in (a_boxes_px, b_boxes_px))
    variance = _JOINT_SIGMA**2 * np.maximum(np.minimum(a_area[:, None], b_area[None, :]), 1.0)
    squared = ((a_px[:, None] - b_px[None, :]) ** 2).sum(axis=-1)
    shared = np.isfinite(squared)
    alike = np.where(shared, np.exp(-np.where(shared, squared, 0.0) / (2.0 * variance[..., None])), 0.0)
    count = shared.sum(axis=-1)
    mean = alike.sum(axis=-1) / np.maximum(count, 1)
    result: Array = np.where(count >= _MIN_SHARED_JOINTS, mean, iou_matrix(a_boxes_px, b_boxes_px))
    return result


def shares_on_limbs(poses: Sequence[Pose]) -> Array:
    """(N, N): share of the row's joints that lie in the image on limbs of the column's body, 0 on the diagonal.

    Poses of one skeleton; joints that are not known count in neither. A leg read as a person lies on that person's leg.
    """
    joints = np.array([p.joints_img_px for p in poses])
    starts, ends = np.array(poses[0].skeleton.edges).T
    start, along = joints[:, starts], joints[:, ends] - joints[:, starts]
    # Joints (N, 1, J, 1, 2) from the limbs (1, N, 1, B, 2).
    away = joints[:, None, :, None] - start[None, :, None]
    length = np.maximum((along**2).sum(axis=-1), 1e-9)[None, :, None]
    share = np.clip((away * along[None, :, None]).sum(axis=-1) / length, 0.0, 1.0)
    squared = ((away - share[..., None] * along[None, :, None]) ** 2).sum(axis=-1)
    boxes = np.array([p.detection.box_xyxy_px for p in poses])
    sides = boxes[:, 2:] - boxes[:, :2]
    radii_px = _LIMB_RADIUS * np.maximum(np.sqrt(sides.prod(axis=-1)), sides.max(axis=-1) / 2)
    on = (np.where(np.isfinite(squared), squared, np.inf) < (radii_px**2)[None, :, None, None]).any(axis=-1)
    shares: Array = on.sum(axis=-1) / np.maximum(np.isfinite(joints).all(axis=-1).sum(axis=-1), 1)[:, None]
    np.fill_diagonal(shares, 0.0)
    return shares
