"""A detector's boxes against ground-truth boxes: true and false positives, and average precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.boxes import iou_matrix
from pose3d_ros.records import Detection
from pose3d_ros.types import Array

MIN_IOU = 0.5
_MIN_SHARE_IGNORED = 0.5


class Outcome(Enum):
    """What a detector's box is."""

    TRUE_POSITIVE = "true positive"
    FALSE_POSITIVE = "false positive"
    IGNORED = "ignored"


@dataclass(frozen=True, eq=False)
class ScoredBox:
    """A detector's box and its outcome."""

    detection: Detection
    outcome: Outcome

    @property
    def score(self) -> float:
        """The detector's confidence, 0–1."""
        return self.detection.score


def match_boxes(
    detections: Sequence[Detection], gt_xyxy_px: Array, counts: npt.NDArray[np.bool_]
) -> tuple[tuple[ScoredBox, ...], frozenset[int]]:
    """Match the boxes of one image as COCO's evaluation does; also the indices of the ground-truth boxes found.

    gt_xyxy_px (G, 4); counts (G,): who must be found, the others are ignore regions. By falling score each
    box takes, of those who count and are still free, the one with the greatest IoU, at least 0.5. A box that takes
    none is ignored when at least half of its area is inside one ignore region (COCO's rule for crowds), else a false
    positive; it finds the free one of those who don't count with the greatest IoU, at least 0.5.
    """
    ranked = sorted(detections, key=lambda d: -d.score)
    boxes = np.array([d.box_xyxy_px for d in ranked]).reshape(-1, 4)
    iou, inside = iou_matrix(boxes, gt_xyxy_px), _share_inside(boxes, gt_xyxy_px[~counts])
    free: npt.NDArray[np.bool_] = np.ones(len(gt_xyxy_px), dtype=np.bool_)
    scored, found = [], set()
    for i, detection in enumerate(ranked):
        taken = _best(iou[i], free & counts)
        if taken is not None:
            outcome = Outcome.TRUE_POSITIVE
        else:
            taken = _best(iou[i], free & ~counts)
            ignored = (inside[i] >= _MIN_SHARE_IGNORED).any()
            outcome = Outcome.IGNORED if ignored else Outcome.FALSE_POSITIVE
        if taken is not None:
            found.add(taken)
            free[taken] = False
        scored.append(ScoredBox(detection, outcome))
    return tuple(scored), frozenset(found)


def _best(iou: Array, allowed: npt.NDArray[np.bool_]) -> int | None:
    """Index of the greatest IoU (G,) among those allowed (G,), None below 0.5."""
    candidates = np.where(allowed, iou, -1.0)
    return int(candidates.argmax()) if candidates.size and candidates.max() >= MIN_IOU else None


def _share_inside(boxes_xyxy_px: Array, regions_xyxy_px: Array) -> Array:
    """Share (N, M) of each box (N, 4) that lies in each region (M, 4), 0 for an empty box."""
    low = np.maximum(boxes_xyxy_px[:, None, :2], regions_xyxy_px[None, :, :2])
    high = np.minimum(boxes_xyxy_px[:, None, 2:], regions_xyxy_px[None, :, 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=-1)
    area = np.clip(boxes_xyxy_px[:, 2:] - boxes_xyxy_px[:, :2], 0.0, None).prod(axis=-1)[:, None]
    share: Array = np.divide(shared, area, out=np.zeros_like(shared), where=area > 0)
    return share


def precision_recall(boxes: Sequence[ScoredBox], people: int) -> tuple[Array, Array]:
    """Precision and recall (N,) after each of the boxes of all images by falling score, ignored ones left out.

    people: how many must be found.
    """
    ranked = sorted((b for b in boxes if b.outcome is not Outcome.IGNORED), key=lambda b: -b.score)
    found = np.cumsum([b.outcome is Outcome.TRUE_POSITIVE for b in ranked], dtype=np.float64)
    return found / np.arange(1, len(ranked) + 1), found / max(people, 1)


def average_precision(boxes: Sequence[ScoredBox], people: int) -> float:
    """Area under the curve of precision over recall, 0–1, NaN without ground truth.

    At each recall the greatest precision at that or a higher recall counts, at every point of the curve (VOC 2010's
    interpolation; COCO's takes 101 points of the same curve).
    """
    if not people:
        return float("nan")
    precision, recall = precision_recall(boxes, people)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(envelope * np.diff(recall, prepend=0.0)))
