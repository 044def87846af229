"""A detector's boxes against the true ones: which are right, and their average precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from pose3d_ros.evaluation.metrics.matching import box_iou
from pose3d_ros.records import Detection
from pose3d_ros.types import Array

MIN_IOU = 0.5
_MIN_SHARE_IGNORED = 0.5


class Verdict(Enum):
    """What became of a detector's box."""

    RIGHT = "right"
    WRONG = "wrong"
    IGNORED = "ignored"


@dataclass(frozen=True, eq=False)
class JudgedBox:
    """A detector's box, and whether it is right."""

    detection: Detection
    verdict: Verdict

    @property
    def score(self) -> float:
        """The detector's, 0–1."""
        return self.detection.score


def judge_boxes(
    detections: Sequence[Detection], true_boxes_xyxy_px: Array, counts: npt.NDArray[np.bool_]
) -> tuple[tuple[JudgedBox, ...], frozenset[int]]:
    """Judge the boxes of one picture as COCO's evaluation does; also the indices of the true boxes that were found.

    true_boxes_xyxy_px (G, 4); counts (G,): who must be found, the others are ignore regions. By falling score each
    box takes, of those who count and are still free, the one with the greatest IoU, at least 0.5. A box that takes
    none is ignored when at least half of its area is inside one ignore region (COCO's rule for crowds), else wrong;
    it finds the free one of those who don't count with the greatest IoU, at least 0.5.
    """
    wanted, others = ({int(i) for i in np.flatnonzero(which)} for which in (counts, ~counts))
    regions = true_boxes_xyxy_px[~counts]
    judged, found = [], set()
    for detection in sorted(detections, key=lambda d: -d.score):
        box = detection.box_xyxy_px
        taken = _best(box, true_boxes_xyxy_px, wanted)
        if taken is not None:
            verdict = Verdict.RIGHT
        else:
            taken = _best(box, true_boxes_xyxy_px, others)
            ignored = any(share_inside(box, region) >= _MIN_SHARE_IGNORED for region in regions)
            verdict = Verdict.IGNORED if ignored else Verdict.WRONG
        if taken is not None:
            found.add(taken)
            wanted.discard(taken)
            others.discard(taken)
        judged.append(JudgedBox(detection, verdict))
    return tuple(judged), frozenset(found)


def _best(box_xyxy_px: Array, true_boxes_xyxy_px: Array, free: set[int]) -> int | None:
    ious = {i: box_iou(box_xyxy_px, true_boxes_xyxy_px[i]) for i in sorted(free)}
    best = max(ious, key=lambda i: ious[i], default=None)
    return best if best is not None and ious[best] >= MIN_IOU else None


def share_inside(box_xyxy_px: Array, region_xyxy_px: Array) -> float:
    """Share of a box (4,) that lies in a region (4,), 0 for an empty one."""
    size = np.minimum(box_xyxy_px[2:], region_xyxy_px[2:]) - np.maximum(box_xyxy_px[:2], region_xyxy_px[:2])
    area = float(np.prod(np.maximum(box_xyxy_px[2:] - box_xyxy_px[:2], 0.0)))
    return float(np.prod(np.maximum(size, 0.0))) / area if area > 0 else 0.0


def precision_recall(boxes: Sequence[JudgedBox], people: int) -> tuple[Array, Array]:
    """Precision and recall (N,) after each of the boxes of all pictures by falling score, ignored ones left out.

    people: how many must be found.
    """
    ranked = sorted((b for b in boxes if b.verdict is not Verdict.IGNORED), key=lambda b: -b.score)
    right = np.cumsum([b.verdict is Verdict.RIGHT for b in ranked], dtype=np.float64)
    return right / np.arange(1, len(ranked) + 1), right / max(people, 1)


def average_precision(boxes: Sequence[JudgedBox], people: int) -> float:
    """Area under the curve of precision over recall, 0–1, NaN when nobody must be found.

    At each recall the greatest precision at that or a higher recall counts, at every point of the curve (VOC 2010's
    interpolation; COCO's takes 101 points of the same curve).
    """
    if not people:
        return float("nan")
    precision, recall = precision_recall(boxes, people)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(envelope * np.diff(recall, prepend=0.0)))
