"""Keypoint R-CNN's outputs as people in the image, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pose3d_ros.config.settings import DetectorConfig, PoseConfig
from pose3d_ros.engines import RoleEngine
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Detection, Frame
from pose3d_ros.stages.keypoint_finder import KeypointFinder

from ..conftest import AnsweringEngine, manifest_entry

FRAME = Frame(np.zeros((240, 320, 3), np.uint8), Camera.from_hfov(60.0, 320, 240), 0)


def answers(**changes: Any) -> dict[str, Any]:
    """A person, a dog that is surer, and a second person of less score than the threshold."""
    boxes = np.array([[10.0, 20, 60, 120], [0, 0, 30, 30], [200, 20, 260, 160]], np.float32)
    keypoints = np.zeros((3, 17, 3), np.float32)
    keypoints[0, :, 0], keypoints[0, :, 1] = 30.5 + np.arange(17), 50.5
    keypoints[2, :, :2] = 230.5, 90.5
    logits = np.full((3, 17), 4.0, np.float32)
    logits[0, 0] = -4.0
    scores = np.array([0.8, 0.9, 0.3], np.float32)
    return {
        "boxes": boxes,
        "labels": np.array([1, 18, 1]),
        "scores": scores,
        "keypoints": keypoints,
        "keypoints_scores": logits,
        **changes,
    }


def finder(raw: dict[str, Any], shape: tuple[int | str, ...] = (3, "height", "width"), **fields: Any) -> KeypointFinder:
    shapes = {name: ("people", *array.shape[1:]) for name, array in raw.items()}
    types = {"image": "float32", "labels": "int64"}
    engine = AnsweringEngine(lambda feeds: raw, {"image": shape}, shapes, types)
    given = {"input_size_px": None, "skeleton": "coco17", **fields}
    entry = manifest_entry("torchvision_keypoints", roles=("detector", "pose"), **given)
    return KeypointFinder(RoleEngine(engine, entry), DetectorConfig(score_threshold=0.5), PoseConfig())


def test_people_above_the_threshold_with_their_joints() -> None:
    people = finder(answers())(FRAME)
    (detection,) = people.detections
    # Both are counted from the image's left edge: half a pixel to the left are pixel centers.
    np.testing.assert_allclose(detection.box_xyxy_px, [9.5, 19.5, 59.5, 119.5])
    assert detection.score == pytest.approx(0.8)
    np.testing.assert_allclose(people.joints_img_px[0], np.stack([30.0 + np.arange(17), np.full(17, 50.0)], axis=-1))
    np.testing.assert_allclose(people.scores[0, :2], [1 / (1 + np.exp(4)), 1 / (1 + np.exp(-4))], rtol=1e-6)
    assert people.valid[0].tolist() == [False, *[True] * 16]
    assert people.is_person.tolist() == [True]
    assert people.relative_m is None


def test_input_of_a_fixed_size_is_filled_and_led_back() -> None:
    people = finder(answers(), (1, 3, 480, 640), input_size_px=(640, 480))(FRAME)
    np.testing.assert_allclose(people.detections[0].box_xyxy_px, [4.5, 9.5, 29.5, 59.5])
    np.testing.assert_allclose(people.joints_img_px[0, 0], [14.75, 24.75])


def test_given_boxes_get_the_joints_of_who_is_in_them() -> None:
    # The second person is below the threshold, but a box says that somebody is there; nobody is in the last one.
    given = tuple(Detection(np.array(box), 1.0) for box in ([202.0, 22, 262, 160], [9, 20, 61, 121], [100, 0, 180, 90]))
    people = finder(answers())(FRAME, None, given)
    assert people.detections == given
    np.testing.assert_allclose(people.joints_img_px[:2, 0], [[230.0, 90.0], [30.0, 50.0]])
    assert np.isnan(people.joints_img_px[2]).all()
    assert people.is_person.tolist() == [True, True, False]
    assert not people.valid[2].any()


def test_nobody() -> None:
    nothing = {name: array[:0] for name, array in answers().items()}
    people = finder(nothing)(FRAME)
    assert (people.detections, people.joints_img_px.shape, people.is_person.shape) == ((), (0, 17, 2), (0,))
    given = (Detection(np.array([9.0, 20, 61, 121]), 1.0),)
    assert finder(nothing)(FRAME, None, given).is_person.tolist() == [False]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": np.full(2, 0.9, np.float32)}, "one for each of 3 boxes"),
        ({"keypoints": np.zeros((2, 17, 3), np.float32)}, r"output keypoints: expected shape \(3, 17, 3\)"),
        ({"scores": np.full(3, 7.0, np.float32)}, "scores in 0–1"),
    ],
)
def test_answers_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(EngineError, match=message):
        finder(answers(**changes))(FRAME)


def test_net_of_other_joints_is_refused() -> None:
    with pytest.raises(EngineError, match="keypoints: float32"):
        finder(answers(), skeleton="mpii16")
    model = RoleEngine(AnsweringEngine(lambda feeds: {}, {}, {}, {}), manifest_entry("torchvision"))
    with pytest.raises(EngineError, match="decoder of"):
        KeypointFinder(model)
