"""How benchmarks match predicted people with those of the ground truth, in one image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from pose3d_ros.evaluation.metrics.matching import match_people
from pose3d_ros.geometry.boxes import iou_matrix
from pose3d_ros.records import Person
from pose3d_ros.types import Array

Pairs = tuple[tuple[int, int], ...]
"""(predicted, ground truth), by index."""
Matching = Callable[[Sequence[Person], Sequence[Person], int], Pairs]
"""(predicted, ground truth, width of the image in pixels) → pairs; all people are in the protocol's skeleton."""

MUPOTS_PX = 40.0
MUPOTS_MATCHED = slice(1, 14)
"""Joints 2 to 14 of MuPoTS-3D, counted from 1."""
PANOPTIC_SHARE = 30.0 / 832.0
"""SMAP's 30 px in its input of 832 px (Zhen 2020), as a share of the image's width."""
MIN_IOU = 0.5


def by_skeleton(predicted: Sequence[Person], ground_truth: Sequence[Person], width_px: int) -> Pairs:
    """Least total cost of the skeletons' distance in the image (see `metrics.matching`)."""
    return match_people([p.pose for p in predicted], [t.pose for t in ground_truth])


def of_mupots(predicted: Sequence[Person], ground_truth: Sequence[Person], width_px: int) -> Pairs:
    """MuPoTS-3D's (Mehta 2018): in the ground truth's order each takes the free prediction with the most near joints.

    A joint is near if |dx| < 40 px and |dy| < 40 px; a prediction without one is none.
    """
    free, pairs = set(range(len(predicted))), []
    for j, person in enumerate(ground_truth):
        hits = {i: _near_joints(predicted[i], person) for i in sorted(free)}
        best = max(hits, key=lambda i: hits[i], default=None)
        if best is not None and hits[best] > 0:
            free.remove(best)
            pairs.append((best, j))
    return tuple(pairs)


def of_panoptic(predicted: Sequence[Person], ground_truth: Sequence[Person], width_px: int) -> Pairs:
    """SMAP's (Zhen 2020): pairs of roots by rising distance in the image, up to a share of its width."""
    distances = np.full((len(predicted), len(ground_truth)), np.inf)
    for i, p in enumerate(predicted):
        for j, t in enumerate(ground_truth):
            distance = float(np.linalg.norm(_root_px(p) - _root_px(t)))
            distances[i, j] = distance if np.isfinite(distance) else np.inf
    pairs = []
    while distances.size and distances.min() < PANOPTIC_SHARE * width_px:
        i, j = divmod(int(distances.argmin()), distances.shape[1])
        distances[i], distances[:, j] = np.inf, np.inf
        pairs.append((i, j))
    return tuple(pairs)


def of_single_person(predicted: Sequence[Person], ground_truth: Sequence[Person], width_px: int) -> Pairs:
    """The prediction whose box overlaps the only person's most, however little; so no bad pose is left out."""
    if not predicted or not ground_truth:
        return ()
    overlap = iou_matrix(_boxes(predicted), _boxes(ground_truth[:1]))[:, 0]
    return ((int(overlap.argmax()), 0),) if overlap.max() > 0 else ()


def by_box(predicted: Sequence[Person], ground_truth: Sequence[Person], width_px: int) -> Pairs:
    """Boxes one to one at the greatest total IoU, each at least 0.5 (MOT challenge)."""
    overlap = iou_matrix(_boxes(predicted), _boxes(ground_truth))
    rows, columns = linear_sum_assignment(np.where(overlap >= MIN_IOU, overlap, 0.0), maximize=True)
    return tuple((int(i), int(j)) for i, j in zip(rows, columns, strict=True) if overlap[i, j] >= MIN_IOU)


def _near_joints(predicted: Person, person: Person) -> int:
    difference = np.abs(predicted.pose.joints_img_px - person.pose.joints_img_px)[MUPOTS_MATCHED]
    return int((difference < MUPOTS_PX).all(axis=-1).sum())


def _root_px(person: Person) -> Array:
    root: Array = person.pose.joints_img_px[person.pose.skeleton.root]
    return root


def _boxes(people: Sequence[Person]) -> Array:
    return np.array([person.pose.detection.box_xyxy_px for person in people]).reshape(-1, 4)
