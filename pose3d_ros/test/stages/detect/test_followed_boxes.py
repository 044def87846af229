from __future__ import annotations

import numpy as np

from pose3d_ros.records import STILL, Detection, Pose
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.detect.followed_boxes import FollowedBoxes

SKELETON = get_skeleton("muco21")
STEP_NS = 40_000_000
SIZE_PX = (640, 480)


def pose(left_px: float) -> Pose:
    """Somebody 100 px wide and 200 px high."""
    box = np.array([left_px, 100.0, left_px + 100, 300.0])
    joints = np.random.default_rng(0).uniform(box[:2], box[2:], (21, 2))
    joints[5] = np.nan
    return Pose(np.array([0, 0, 4.0]), np.zeros((21, 3)), joints, np.ones(21), SKELETON, Detection(box, 0.7))


def follow(*lefts_px: float, first: int = 0, boxes: FollowedBoxes | None = None) -> FollowedBoxes:
    """One person from frame to frame, found by the detector; NaN: not found."""
    boxes = boxes or FollowedBoxes()
    for i, left in enumerate(lefts_px):
        boxes.update([pose(left)] if np.isfinite(left) else [], (first + i) * STEP_NS, detected=True)
    return boxes


def test_boxes_go_on_as_people_went() -> None:
    (moved,) = follow(100, 110, 120).moved(3 * STEP_NS, *SIZE_PX)
    np.testing.assert_allclose(moved.box_xyxy_px, [130, 100, 230, 300])
    assert moved.score == 0.7
    (twice_later,) = follow(100, 110).moved(3 * STEP_NS, *SIZE_PX)
    np.testing.assert_allclose(twice_later.box_xyxy_px, [130, 100, 230, 300])


def test_detector_looks_in_every_second_frame_at_least() -> None:
    boxes = follow(100, 110)
    assert boxes.moved(2 * STEP_NS, *SIZE_PX)
    boxes.update([pose(120)], 2 * STEP_NS, detected=False)
    assert boxes.moved(3 * STEP_NS, *SIZE_PX) == ()
    assert boxes.known([pose(130).detection], 3 * STEP_NS).tolist() == [True]


def test_detector_looks_at_slow_rates_after_a_pause_and_at_stills() -> None:
    boxes = follow(100, 110)
    late_ns = STEP_NS + 110_000_000
    assert boxes.moved(late_ns, *SIZE_PX) == ()
    assert boxes.known([pose(110).detection], late_ns).all()
    for stamp_ns in (STILL, 0, STEP_NS, STEP_NS + 210_000_000):
        assert boxes.moved(stamp_ns, *SIZE_PX) == ()
        assert not boxes.known([pose(110).detection], stamp_ns).any()


def test_detector_searches_for_somebody_who_was_lost() -> None:
    boxes = follow(100, 100, 100, 100, 100, np.nan)
    boxes = follow(100, 100, first=6, boxes=boxes)
    assert boxes.moved(8 * STEP_NS, *SIZE_PX) == ()
    boxes = follow(*[100.0] * 6, first=8, boxes=boxes)
    assert boxes.moved(14 * STEP_NS, *SIZE_PX)


def test_passing_false_positive_is_not_searched_for() -> None:
    boxes = follow(100, np.nan, 100)
    assert boxes.moved(3 * STEP_NS, *SIZE_PX)


def test_only_people_who_overlap_are_known() -> None:
    boxes = follow(100)
    assert boxes.known([pose(110).detection, pose(300).detection], STEP_NS).tolist() == [True, False]
    assert boxes.known([], STEP_NS).shape == (0,)
    boxes.forget()
    assert not boxes.known([pose(100).detection], STEP_NS).any()


def test_who_walks_out_of_the_image_is_looked_for_no_more() -> None:
    (cut,) = follow(560, 590).moved(2 * STEP_NS, *SIZE_PX)
    np.testing.assert_allclose(cut.box_xyxy_px, [620, 100, 639.5, 300])
    assert follow(590, 617).moved(2 * STEP_NS, *SIZE_PX) == ()
