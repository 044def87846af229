"""Matching of predicted to ground-truth people in each frame, and errors of the matched."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.evaluation.metrics.pose_structure import pose_structure_score
from pose3d_ros.geometry.boxes import iou_matrix
from pose3d_ros.records import Person, Pose, TrackState
from pose3d_ros.types import Array

MAX_IMAGE_COST = 0.35
"""A pair is possible only if the skeletons lie on each other in the image: mean joint distance below this share of
the ground-truth box's side (√area). An arm's length is about a third of it, a neighbor is a whole one."""

ROOT_WEIGHT_PER_M = 0.1
"""Added cost per metre between the roots: it decides between people who overlap in the image."""

MAX_ROOT_COST_M = 3.0
_IMPOSSIBLE = 1e6
_KEPT_BONUS = 10.0
"""More than any possible pair costs."""


def detected(people: Sequence[Person]) -> tuple[Person, ...]:
    """Those seen in the frame itself: NEW or TRACKED. PREDICTED people are no detections."""
    return tuple(p for p in people if p.state in (TrackState.NEW, TrackState.TRACKED))


def match_people(
    predicted: Sequence[Pose], ground_truth: Sequence[Pose], kept: Collection[tuple[int, int]] = ()
) -> tuple[tuple[int, int], ...]:
    """Pair the people of one frame, by index (predicted, ground truth), with the least total cost (Hungarian).

    Both lists are in one skeleton. Only possible pairs are made, so that people may stay alone. kept: pairs of the
    frame before, which stay paired while they are possible, as CLEAR MOT has it (Bernardin 2008, sec. 2.1.1).
    """
    costs = pair_costs(predicted, ground_truth)
    for i, j in kept:
        costs[i, j] -= _KEPT_BONUS
    rows, columns = linear_sum_assignment(np.where(np.isfinite(costs), costs, _IMPOSSIBLE))
    return tuple((int(i), int(j)) for i, j in zip(rows, columns, strict=True) if np.isfinite(costs[i, j]))


def pair_costs(predicted: Sequence[Pose], ground_truth: Sequence[Pose]) -> Array:
    """Cost (P, G) of each pair: image distance as a share of the box side, plus the roots' distance weighed.

    Infinite where the image part exceeds `MAX_IMAGE_COST`. The gate looks at the image only, so that a wrong depth
    is measured as an error and not hidden as a missed person.
    """
    costs = np.full((len(predicted), len(ground_truth)), np.inf)
    for i, p in enumerate(predicted):
        for j, t in enumerate(ground_truth):
            image = image_cost(p, t)
            if image < MAX_IMAGE_COST:
                costs[i, j] = image + ROOT_WEIGHT_PER_M * _root_distance_m(p, t)
    return costs


def _root_distance_m(predicted: Pose, ground_truth: Pose) -> float:
    distance_m = float(np.linalg.norm(predicted.root_cam_m - ground_truth.root_cam_m))
    return min(distance_m, MAX_ROOT_COST_M) if np.isfinite(distance_m) else MAX_ROOT_COST_M


def image_cost(predicted: Pose, ground_truth: Pose) -> float:
    """Mean distance of the joints in the image as a share of the side (√area) of the ground-truth box."""
    x0, y0, x1, y1 = ground_truth.detection.box_xyxy_px
    side_px = float(np.sqrt(max((x1 - x0) * (y1 - y0), 1.0)))
    distances_px = np.linalg.norm(predicted.joints_img_px - ground_truth.joints_img_px, axis=-1)
    finite = distances_px[np.isfinite(distances_px)]
    if finite.size:
        return float(finite.mean()) / side_px
    # No joint in common: the boxes' overlap, on the same scale (equal boxes 0, apart 1).
    return 1.0 - float(
        iou_matrix(predicted.detection.box_xyxy_px[None], ground_truth.detection.box_xyxy_px[None])[0, 0]
    )


@dataclass(frozen=True, eq=False)
class Errors:
    """Errors over N pairs: means over the joints of all poses, in millimetres, lost joints left out.

    relative_mm: distance of each joint (N, J), poses relative to their own roots; mpjpe_mm is its mean. absolute_mm:
    in camera space. n_mpjpe_mm: after the best scale of each pose; pa_mpjpe_mm: after similarity Procrustes;
    pa_mpjpe_rigid_mm: the same without scale. pss_50, pss_100: Pose Structure Score. coverage: share of the
    ground truth's joints that have coordinates.
    """

    relative_mm: Array
    absolute_mm: Array
    mpjpe_mm: float
    n_mpjpe_mm: float
    pa_mpjpe_mm: float
    pa_mpjpe_rigid_mm: float
    pss_50: float
    pss_100: float
    root: metrics.RootError
    coverage: float


def errors_of(pairs: Sequence[tuple[Person, Person]]) -> Errors:
    """The errors of pairs (found, ground truth), all in one skeleton."""
    if not pairs:
        nan = math.nan
        none = np.empty((0, 0))
        return Errors(none, none, nan, nan, nan, nan, nan, nan, metrics.RootError(nan, nan, nan, nan), nan)
    found, ground_truth = (np.array([pair[side].pose.joints_cam_m for pair in pairs]) for side in (0, 1))
    found_root, gt_root = (np.array([pair[side].pose.root_cam_m for pair in pairs]) for side in (0, 1))
    relative = found - found_root[:, None], ground_truth - gt_root[:, None]
    errors_mm, skeleton = metrics.joint_errors_mm(*relative), pairs[0][0].pose.skeleton
    return Errors(
        errors_mm,
        metrics.joint_errors_mm(found, ground_truth),
        metrics.mean(errors_mm),
        metrics.mean(metrics.scaled_errors_mm(*relative)),
        metrics.mean(metrics.aligned_errors_mm(found, ground_truth)),
        metrics.mean(metrics.aligned_errors_mm(found, ground_truth, scale=False)),
        pose_structure_score(*relative, skeleton, 50),
        pose_structure_score(*relative, skeleton, 100),
        metrics.mrpe(found_root, gt_root),
        metrics.joint_coverage(found, ground_truth),
    )


def root_frame(found: Sequence[Person], ground_truth: Sequence[Person]) -> metrics.RootFrame:
    """The roots of a frame's people, for `average_precision_root`."""
    return metrics.RootFrame(
        np.array([p.pose.root_cam_m for p in found]).reshape(-1, 3),
        np.array([p.score for p in found]),
        np.array([p.pose.root_cam_m for p in ground_truth]).reshape(-1, 3),
    )


def recall(found: Sequence[bool]) -> float:
    """Share of ground-truth person-frames that were found, 0–1; NaN without any."""
    return sum(found) / len(found) if found else float("nan")
