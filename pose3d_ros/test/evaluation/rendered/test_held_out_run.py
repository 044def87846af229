from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from unittest.mock import Mock

import pytest

from pose3d_ros.evaluation.metrics.box_precision import Outcome
from pose3d_ros.evaluation.rendered.held_out_run import HeldOutScene, ground_truth_boxes, run_held_out
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import STILL, Detection, Frame, FrameResult

from .conftest import FRAME, RUN, found, ground_truth


@pytest.mark.parametrize(("height_px", "counts"), [(40.0, True), (39.9, False)])
def test_people_below_40_pixels_do_not_count(height_px: float, counts: bool) -> None:
    person = ground_truth(1)
    box_px = person.person.pose.detection.box_xyxy_px.copy()
    box_px[3] = box_px[1] + height_px
    detection = replace(person.person.pose.detection, box_xyxy_px=box_px)
    small = replace(person, person=replace(person.person, pose=replace(person.person.pose, detection=detection)))
    assert small.counts is counts


def test_ground_truth_boxes_are_those_of_people_with_a_group() -> None:
    people = (ground_truth(1), ground_truth(2, visible=0.31), ground_truth(3, visible=0.29), ground_truth(4, z_m=12.0))
    given = ground_truth_boxes(HeldOutScene(FRAME, people))
    assert [d.score for d in given] == [1.0, 1.0]


@pytest.fixture
def pipeline() -> Mock:
    """Always finds the same person, in the boxes that it is given or in a box of its own."""
    person = found(ground_truth(1))

    def find(_: Frame, detections: Sequence[Detection] | None = None) -> FrameResult:
        return FrameResult((person,), tuple(detections or (person.pose.detection,)))

    return Mock(Pipeline, side_effect=find)


def test_every_image_is_processed_by_itself(pipeline: Mock) -> None:
    done: list[tuple[int, int]] = []
    scenes = [HeldOutScene(FRAME, (ground_truth(1),))] * 2
    scored = run_held_out(scenes, pipeline, RUN, lambda *args: done.append(args))
    assert [c.args[0].stamp_ns for c in pipeline.call_args_list] == [STILL, STILL]
    assert done == [(1, 2), (2, 2)]
    assert [scene.people[0].scene for scene in scored] == [0, 1]
    assert scored[0].boxes[0].outcome is Outcome.TRUE_POSITIVE


def test_oracle_boxes_are_given_to_the_pipeline_and_not_scored(pipeline: Mock) -> None:
    scene = HeldOutScene(FRAME, (ground_truth(1),))
    (scored,) = run_held_out([scene], pipeline, replace(RUN, oracle_boxes=True))
    assert len(pipeline.call_args.args[1]) == 1
    assert scored.boxes == ()
