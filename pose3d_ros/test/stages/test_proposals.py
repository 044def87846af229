"""Groups of proposals that are of one person, and the best of each."""

from __future__ import annotations

import numpy as np

from pose3d_ros.geometry.regions import Regions
from pose3d_ros.records import Detection
from pose3d_ros.stages.proposals import Proposals, far_from, grouped, merged


def standing(*people: tuple[float, float, float, float]) -> Proposals:
    """Of (x, y, height, score) each."""
    x, y, height, scores = np.array(people, dtype=np.float64).reshape(-1, 4).T
    boxes = np.stack([x - 10, y - height / 2, x + 10, y + height / 2], axis=-1)
    return Proposals(Regions.from_boxes(boxes), scores, boxes, scores, np.ones(len(scores), dtype=np.bool_))


def test_best_of_each_group_stays() -> None:
    # Half a person's size is 50: places 10 apart differ by 0.2, a head 30 higher by 0.35 of the mean 57.5 and more.
    found = merged(standing((100, 100, 100, 0.5), (110, 100, 100, 0.8), (170, 100, 100, 0.4), (100, 100, 40, 0.3)), 0.3)
    np.testing.assert_allclose(found.scores, [0.8, 0.4, 0.3])
    np.testing.assert_allclose(found.regions.centers_px[:, 0], [110, 170, 100])


def test_groups_follow_the_rank_and_not_the_score() -> None:
    found = standing((100, 100, 100, 0.9), (105, 100, 100, 0.5))
    cut = Proposals(found.regions, found.scores, found.boxes_xyxy_px, np.array([0.4, 0.5]), found.measured)
    assert [group.tolist() for group in grouped(cut, 0.3)] == [[1, 0]]
    np.testing.assert_allclose(merged(cut, 0.3).scores, [0.5])


def test_a_lying_person_is_not_a_standing_one() -> None:
    lying = Regions(np.array([[100.0, 100.0]]), np.array([125.0]), np.array([np.pi / 2]))
    assert far_from(lying, standing((100, 100, 100, 0.5)).regions, 1.0).all()
    assert not far_from(lying, lying, 0.1).any()
    assert far_from(lying, Regions.empty(), 9.0).all()


def test_regions_of_detections() -> None:
    boxes = Proposals.of_detections([Detection(np.array([0.0, 0, 20, 80]), 0.7)])
    np.testing.assert_allclose(boxes.regions.sides_px, [100])
    assert not boxes.measured.any()
    assert boxes.scores[0] == 0.7
    both = Proposals.concatenated([boxes, Proposals.none(), standing((9, 9, 50, 0.2))])
    assert both.measured.tolist() == [False, True]
    assert len(Proposals.concatenated([])) == len(merged(Proposals.none(), 0.3)) == len(both.chosen(np.zeros(2, bool)))
