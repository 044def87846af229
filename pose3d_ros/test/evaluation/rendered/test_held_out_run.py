from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pose3d_ros.evaluation.metrics.box_precision import Outcome
from pose3d_ros.evaluation.rendered.held_out_run import HeldOutScene, ground_truth_boxes, run_held_out
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Detection, Frame, FrameResult, Person

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


class PipelineOfOnePerson(Pipeline):
    """Always finds the same person, and records how it is called."""

    def __init__(self, person: Person) -> None:
        self.person, self.calls = person, list[Sequence[Detection] | str | None]()

    def reset(self) -> None:
        self.calls.append("reset")

    def __call__(self, frame: Frame, detections: Sequence[Detection] | None = None) -> FrameResult:
        self.calls.append(detections)
        return FrameResult((self.person,), tuple(detections or (self.person.pose.detection,)))


def test_every_image_is_processed_by_itself() -> None:
    person = ground_truth(1)
    pipeline, done = PipelineOfOnePerson(found(person)), list[tuple[int, int]]()
    scored = run_held_out([HeldOutScene(FRAME, (person,))] * 2, pipeline, RUN, lambda *args: done.append(args))
    assert pipeline.calls == ["reset", None, "reset", None]
    assert done == [(1, 2), (2, 2)]
    assert [scene.people[0].scene for scene in scored] == [0, 1]
    assert scored[0].boxes[0].outcome is Outcome.TRUE_POSITIVE


def test_oracle_boxes_are_given_to_the_pipeline_and_not_scored() -> None:
    person = ground_truth(1)
    pipeline = PipelineOfOnePerson(found(person))
    (scored,) = run_held_out([HeldOutScene(FRAME, (person,))], pipeline, replace(RUN, oracle_boxes=True))
    given = pipeline.calls[1]
    assert given is not None
    assert len(given) == 1
    assert scored.boxes == ()
