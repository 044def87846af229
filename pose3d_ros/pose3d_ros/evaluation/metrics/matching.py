"""Who is who in a frame: predicted people paired with ground-truth people, one to one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from pose3d_ros.records import Pose
from pose3d_ros.types import Array

MAX_IMAGE_COST = 0.35
"""A pair is possible only if the skeletons lie on each other in the image: mean joint distance below this share of
the ground-truth box's side (√area). An arm's length is about a third of it, a neighbour is a whole one."""

ROOT_WEIGHT_PER_M = 0.1
"""Added cost a metre between the roots: it decides between people who cover each other in the image."""

MAX_ROOT_COST_M = 3.0
_IMPOSSIBLE = 1e6
_KEPT_BONUS = 10.0
"""More than any possible pair costs."""


@dataclass(frozen=True)
class Match:
    """predicted and truth: indices into the two lists of one frame. cost: see `pair_costs`."""

    predicted: int
    truth: int
    cost: float


def match_people(
    predicted: Sequence[Pose], truth: Sequence[Pose], kept: Collection[tuple[int, int]] = ()
) -> tuple[Match, ...]:
    """Pair the people of one frame with the least total cost (Hungarian), possible pairs only.

    Both lists are in one skeleton. A predicted or ground-truth person may stay alone. kept: pairs (predicted, truth)
    of the frame before, which stay paired while they are possible, as CLEAR MOT has it (Bernardin 2008, sec. 2.1.1).
    """
    if not predicted or not truth:
        return ()
    costs = pair_costs(predicted, truth)
    for i, j in kept:
        costs[i, j] -= _KEPT_BONUS
    rows, columns = linear_sum_assignment(np.where(np.isfinite(costs), costs, _IMPOSSIBLE))
    return tuple(
        Match(int(i), int(j), float(costs[i, j] + _KEPT_BONUS * ((i, j) in kept)))
        for i, j in zip(rows, columns, strict=True)
        if np.isfinite(costs[i, j])
    )


def pair_costs(predicted: Sequence[Pose], truth: Sequence[Pose]) -> Array:
    """Cost (P, G) of each pair: image distance as a share of the box side, plus the roots' distance weighed.

    Infinite where the image part exceeds `MAX_IMAGE_COST`. The gate looks at the image only, so that a wrong depth
    is measured as an error and not hidden as a missed person.
    """
    costs = np.full((len(predicted), len(truth)), np.inf)
    for i, p in enumerate(predicted):
        for j, t in enumerate(truth):
            image = _image_cost(p, t)
            if image < MAX_IMAGE_COST:
                costs[i, j] = image + ROOT_WEIGHT_PER_M * _root_distance_m(p, t)
    return costs


def _root_distance_m(predicted: Pose, truth: Pose) -> float:
    distance_m = float(np.linalg.norm(predicted.root_cam_m - truth.root_cam_m))
    return min(distance_m, MAX_ROOT_COST_M) if np.isfinite(distance_m) else MAX_ROOT_COST_M


def _image_cost(predicted: Pose, truth: Pose) -> float:
    x0, y0, x1, y1 = truth.detection.box_xyxy_px
    side_px = float(np.sqrt(max((x1 - x0) * (y1 - y0), 1.0)))
    distances_px = np.linalg.norm(predicted.joints_img_px - truth.joints_img_px, axis=-1)
    finite = distances_px[np.isfinite(distances_px)]
    if finite.size:
        return float(finite.mean()) / side_px
    # No joint in common: the boxes' overlap, on the same scale (equal boxes 0, apart 1).
    return 1.0 - box_iou(predicted.detection.box_xyxy_px, truth.detection.box_xyxy_px)


def box_iou(a_xyxy_px: Array, b_xyxy_px: Array) -> float:
    """Intersection over union of two boxes (4,), 0 for empty ones."""
    size = np.minimum(a_xyxy_px[2:], b_xyxy_px[2:]) - np.maximum(a_xyxy_px[:2], b_xyxy_px[:2])
    intersection = float(np.prod(np.maximum(size, 0.0)))
    union = sum(float(np.prod(np.maximum(b[2:] - b[:2], 0.0))) for b in (a_xyxy_px, b_xyxy_px)) - intersection
    return intersection / union if union > 0 else 0.0
