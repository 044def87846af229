"""The pipeline with the models that have seen real people, where this machine's user has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.bags.bag_reader import BagReader, sample_bag
from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.engines.tensors import Feed, Tensor
from pose3d_ros.evaluation.metrics.matching import match_people
from pose3d_ros.pipeline import Pipeline, open_pipeline
from pose3d_ros.records import STILL, Detection, Frame, Person, TrackState

from .conftest import recorded_frames

FIRST, LAST = 45, 75


@pytest.fixture(scope="module")
def data_home(mediapipe_models: Path) -> Iterator[Path]:
    """The user's models are found."""
    home = mediapipe_models.parents[2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(home))
        yield home


@pytest.fixture(scope="module")
def pipeline(data_home: Path) -> Iterator[Pipeline]:
    with open_pipeline("mediapipe-full", backend="onnxruntime") as opened:
        yield opened


@pytest.fixture(scope="module")
def truth() -> list[list[Person]]:
    """The people of the sample recording's frames who are mostly visible."""
    with BagReader(sample_bag()) as bag:
        messages = islice(bag.people(), FIRST, LAST)
        return [[p for p in message.people if p.score > 0.5] for message in messages]


def recall(found: list[tuple[Person, ...]], truth: list[list[Person]]) -> float:
    pairs = 0
    for people, visible in zip(found, truth, strict=True):
        seen = [p.pose for p in people if p.state in (TrackState.NEW, TrackState.TRACKED)]
        pairs += len(match_people(seen, [p.pose for p in visible]))
    return pairs / sum(map(len, truth))


def test_recall_of_the_sample_recording_is_that_of_the_embedded_models(
    pipeline: Pipeline, truth: list[list[Person]]
) -> None:
    frames = recorded_frames(FIRST, LAST)
    with open_pipeline("embedded", backend="onnxruntime") as embedded:
        pipeline.reset()
        people, theirs = ([one(frame).people for frame in frames] for one in (pipeline, embedded))
    assert recall(people, truth) >= recall(theirs, truth) - 0.05
    assert {p.pose.skeleton.name for p in people[-1]} == {"muco21"}


def test_followed_people_are_read_once_a_frame(pipeline: Pipeline) -> None:
    pipeline.reset()
    first, *frames = recorded_frames(FIRST, FIRST + 9)
    pipeline(first)
    engine = pipeline.engines.for_role("pose").engine
    batches: list[int] = []
    run = engine.infer

    def counting(feeds: Mapping[str, Feed]) -> dict[str, Tensor]:
        batches.append(feeds["image"].shape[0])
        return run(feeds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "infer", counting)
        people = [len(pipeline(frame).people) for frame in frames]
    assert len(batches) <= len(frames) + 3  # a second run only where somebody seems to be new
    assert sum(batches) <= sum(people) + 9


def test_people_come_in_every_skeleton_and_are_smoothed(data_home: Path) -> None:
    (frame,) = recorded_frames(60, 61)
    config = PipelineConfig(skeleton="mediapipe33")
    with open_pipeline("mediapipe-full", backend="onnxruntime", config=config) as opened:
        result = opened(frame)
    assert "smooth" in result.timings_ms
    assert result.people
    for person in result.people:
        assert person.pose.skeleton.name == "mediapipe33"
        assert np.isfinite(person.pose.joints_cam_m).all(axis=-1).mean() > 0.5


def test_given_boxes_are_where_people_are_read(pipeline: Pipeline, truth: list[list[Person]]) -> None:
    frame = replace(recorded_frames(FIRST + 15, FIRST + 16)[0], stamp_ns=STILL)
    visible = truth[15]
    boxes = tuple(Detection(p.pose.detection.box_xyxy_px, 1.0) for p in visible)
    result = pipeline(frame, detections=boxes)
    assert result.detections == boxes
    assert len(match_people([p.pose for p in result.people], [p.pose for p in visible])) == len(visible)
    assert pipeline(frame, detections=()).people == ()


def test_a_still_gives_the_same_people_each_time(pipeline: Pipeline) -> None:
    frame = replace(recorded_frames(60, 61)[0], stamp_ns=STILL)
    one, other = (pipeline(frame).people for _ in range(2))
    assert one
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first.pose.joints_cam_m, second.pose.joints_cam_m)


def test_a_turned_image_gives_turned_people(pipeline: Pipeline) -> None:
    """People who lie or hang upside down are found as those who stand."""
    frame = replace(recorded_frames(60, 61)[0], stamp_ns=STILL)
    upright = pipeline(frame).people
    turned = pipeline(Frame(np.ascontiguousarray(frame.image_bgr[::-1, ::-1]), frame.camera)).people
    roots = [np.array([p.pose.root_cam_m for p in people]) for people in (upright, turned)]
    assert len(turned) >= len(upright) - 1
    for root in roots[1] * [-1.0, -1.0, 1.0]:
        assert np.linalg.norm(roots[0] - root, axis=1).min() < 0.3 * root[2]
