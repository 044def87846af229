from __future__ import annotations

import math

import numpy as np
import pytest

from pose3d_ros.evaluation.metrics.box_precision import (
    Outcome,
    ScoredBox,
    average_precision,
    match_boxes,
    precision_recall,
)
from pose3d_ros.records import Detection
from pose3d_ros.types import Array

COUNTS = np.array([True])
TRUE_POSITIVE, FALSE_POSITIVE, IGNORED = Outcome.TRUE_POSITIVE, Outcome.FALSE_POSITIVE, Outcome.IGNORED


def box(x0: float, y0: float, x1: float, y1: float, score: float = 1.0) -> Detection:
    return Detection(np.array([x0, y0, x1, y1], dtype=np.float64), score)


def boxes(*detections: Detection) -> Array:
    return np.array([d.box_xyxy_px for d in detections]).reshape(-1, 4)


def test_average_precision_by_hand() -> None:
    outcomes = {0.9: TRUE_POSITIVE, 0.6: FALSE_POSITIVE, 0.3: TRUE_POSITIVE, 0.8: IGNORED}
    answer = [ScoredBox(box(0, 0, 1, 1, score), outcome) for score, outcome in outcomes.items()]
    # Of 4 people: true, false, true → precision 1, 1/2, 2/3 at recall 1/4, 1/4, 1/2; from 1/4 on 2/3 is the best.
    precision, recall = precision_recall(answer, 4)
    np.testing.assert_allclose(precision, [1, 1 / 2, 2 / 3])
    np.testing.assert_allclose(recall, [1 / 4, 1 / 4, 1 / 2])
    assert average_precision(answer, 4) == pytest.approx(1 / 4 + 2 / 3 / 4)
    assert average_precision([], 4) == 0
    assert math.isnan(average_precision(answer, 0))


def test_second_box_of_a_person_is_a_false_positive() -> None:
    detections = [box(0, 10, 100, 200, 0.5), box(0, 60, 100, 200, 0.8)]
    answer, people = match_boxes(detections, boxes(box(0, 0, 100, 200)), COUNTS)
    assert [(b.score, b.outcome) for b in answer] == [(0.8, TRUE_POSITIVE), (0.5, FALSE_POSITIVE)]
    assert people == {0}


@pytest.mark.parametrize(("bottom_px", "outcome"), [(100, TRUE_POSITIVE), (99, FALSE_POSITIVE)])
def test_iou_of_a_half_is_enough(bottom_px: float, outcome: Outcome) -> None:
    assert match_boxes([box(0, 0, 100, bottom_px)], boxes(box(0, 0, 100, 200)), COUNTS)[0][0].outcome is outcome


def test_boxes_on_people_who_do_not_count_are_ignored() -> None:
    region, wanted = box(0, 0, 100, 200), box(300, 0, 400, 200)
    detections = [box(0, 0, 60, 100, 0.9), box(0, 0, 100, 200, 0.8), box(60, 0, 150, 100, 0.7), wanted]
    answer, people = match_boxes(detections, boxes(region, wanted), np.array([False, True]))
    # The third lies in the region with 40 of its 90 columns only; the second is the hidden person's own box.
    assert [b.outcome for b in answer] == [TRUE_POSITIVE, IGNORED, IGNORED, FALSE_POSITIVE]
    assert people == {0, 1}


def test_people_who_count_are_matched_first() -> None:
    same = box(0, 0, 100, 200)
    answer, people = match_boxes([same], boxes(same, same), np.array([False, True]))
    assert answer[0].outcome is TRUE_POSITIVE
    assert people == {1}


def test_box_of_no_area_is_a_false_positive() -> None:
    empty = box(5, 5, 5, 5)
    answer, people = match_boxes([empty], boxes(empty), np.array([False]))
    assert (answer[0].outcome, people) == (FALSE_POSITIVE, frozenset())


def test_outcomes_are_those_of_pycocotools() -> None:
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    rng = np.random.default_rng(5)
    gt = np.array([[100.0 * i, 40, 100 * i + 60, 200] for i in range(12)])
    found = [
        Detection(gt[i % 12] + rng.normal(0, 18, 4), float(score)) for i, score in enumerate(rng.uniform(0, 1, 30))
    ]
    rows = [
        {"id": i + 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "ignore": 0, "area": float(np.prod(b[2:] - b[:2]))}
        | {"bbox": [*b[:2].tolist(), *(b[2:] - b[:2]).tolist()]}
        for i, b in enumerate(gt)
    ]
    truth = coco.COCO()
    truth.dataset = {"images": [{"id": 1}], "categories": [{"id": 1}], "annotations": rows, "info": {}}
    truth.createIndex()
    results = [
        {"image_id": 1, "category_id": 1, "score": d.score}
        | {"bbox": [*d.box_xyxy_px[:2].tolist(), *(d.box_xyxy_px[2:] - d.box_xyxy_px[:2]).tolist()]}
        for d in found
    ]
    judge = cocoeval.COCOeval(truth, truth.loadRes(results), "bbox")
    judge.params.iouThrs = np.array([0.5])
    judge.evaluate()
    judge.accumulate()
    expected = judge.evalImgs[0]["dtMatches"][0] > 0
    scored, people = match_boxes(found, gt, np.ones(12, dtype=bool))
    assert 0 < expected.sum() < 30
    assert [b.outcome is TRUE_POSITIVE for b in scored] == expected.tolist()
    assert len(people) == expected.sum()
    precision = judge.eval["precision"][0, :, 0, 0, 2]
    # COCO reads the same curve at 101 recalls.
    assert average_precision(scored, 12) == pytest.approx(precision.mean(), abs=0.02)
