"""Lifters: each decoder against its network offline, people that swap, and where axes point."""

from __future__ import annotations

from typing import Any

import attr
import numpy as np
import pytest

from pose3d_ros.engines import Engine, ManifestEntry, RoleEngine
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry.rays import rotation_to_rays
from pose3d_ros.stages.lift.lift_features import person_features, screen_features
from pose3d_ros.stages.lift.lifter import Lifter
from pose3d_ros.types import Array

from ...conftest import AnsweringEngine, Shapes, failing
from .conftest import (
    CAMERA,
    COCO,
    FIELD,
    H36M,
    STEP_NS,
    frame_engine,
    from_root,
    lifter_entry,
    linear_engine,
    make_clip,
    network,
    over_time,
    relative_m,
    seen,
)

DECODERS = ("videopose3d", "videopose3d_step")
RANDOM = np.random.default_rng(1).normal(0, 0.3, (34, 51))
ENTRY, FRAME = lifter_entry("lifter_frame", 1), linear_engine(RANDOM)


def frame_lifter(weights: Array, **parameters: Any) -> Lifter:
    """A linear lifter of one frame."""
    return Lifter(RoleEngine(linear_engine(weights), lifter_entry("lifter_frame", 1, **parameters)), COCO)


def test_frame_by_hand() -> None:
    # x of the left wrist becomes X of the pelvis (the root), y of the nose becomes Z of the nose, in units of 1 cm.
    weights = np.zeros((34, 51))
    weights[2 * COCO.index_of["L_Wrist"], 3 * H36M.index_of["Pelvis"]] = 1.0
    weights[2 * COCO.index_of["Nose"] + 1, 3 * H36M.index_of["Nose"] + 2] = 1.0
    lifter = frame_lifter(weights, focal=2.0, metres_per_unit=0.01)
    joints = np.full((1, 17, 2), 100.0)
    joints[0, COCO.index_of["L_Wrist"]] = CAMERA.project([0.5, 0.0, 1.0])
    joints[0, COCO.index_of["Nose"]] = CAMERA.project([0.0, -0.25, 1.0])
    people = lifter(*seen(joints, np.ones((1, 17))))
    expected = np.tile([-0.01, 0.0, 0.0], (17, 1))
    expected[H36M.index_of["Pelvis"]] = 0.0
    expected[H36M.index_of["Nose"], 2] = -0.005
    np.testing.assert_allclose(relative_m(people), expected[None], atol=1e-8)
    np.testing.assert_array_equal(people.relative_depth_m, relative_m(people)[..., 2])
    assert people.lifted


@pytest.mark.parametrize("decoder", DECODERS)
def test_frame_by_frame_is_the_offline_run_over_a_padded_clip(decoder: str) -> None:
    clip = make_clip(9)
    lifted = clip.lifted(Lifter(over_time(decoder), COCO))
    features = clip.normalized * 2.29
    for t in range(len(lifted)):
        # VideoPose3D's "edge" padding: before the clip, and for frames in the middle also after it.
        after = FIELD // 2 if decoder == "videopose3d" else 0
        padded = np.pad(features[: t + 1], ((FIELD - 1 - after, after), (0, 0), (0, 0), (0, 0)), "edge")
        np.testing.assert_allclose(lifted[t], from_root(network(padded)[-1]), atol=1e-5)


def test_all_people_are_one_batch() -> None:
    model: Any = over_time("videopose3d")
    make_clip(3).lifted(Lifter(model, COCO))
    assert [call["keypoints"].shape for call in model.engine.calls] == [(2, FIELD, 17, 2)] * 3


@pytest.mark.parametrize("decoder", DECODERS)
def test_reordered_people_keep_their_past(decoder: str) -> None:
    clip = make_clip(9)
    one, other = (Lifter(over_time(decoder), COCO) for _ in range(2))
    swapped = clip.lifted(other, lambda t: [1, 0] if t % 3 == 1 else [0, 1])
    np.testing.assert_allclose(swapped, clip.lifted(one), atol=1e-6)


@pytest.mark.parametrize(
    ("stamp_ns", "reset", "afresh"),
    [
        (4 * STEP_NS, False, False),
        (3 * STEP_NS + 500_000_001, False, True),  # a gap
        (0, False, True),  # the clock goes back
        (4 * STEP_NS, True, True),
    ],
)
@pytest.mark.parametrize("decoder", DECODERS)
def test_past_is_dropped_after_a_gap_a_clock_jump_or_a_reset(
    decoder: str, stamp_ns: int, reset: bool, afresh: bool
) -> None:
    clip, lifter = make_clip(4), Lifter(over_time(decoder), COCO)
    fresh = relative_m(Lifter(over_time(decoder), COCO)(*clip.frame(3, 0)))
    clip.lifted(lifter)
    if reset:
        lifter.reset()
    lifted = relative_m(lifter(*clip.frame(3, stamp_ns)))
    assert np.allclose(lifted, fresh, rtol=0, atol=1e-6 if afresh else 1e-4) == afresh


def test_failed_frame_keeps_all_pasts() -> None:
    clip, model = make_clip(3), over_time("videopose3d")
    engine: Any = model.engine
    lifter, answer = Lifter(model, COCO), engine.answer
    lifter(*clip.frame(0, 0))
    engine.answer = failing
    with pytest.raises(EngineError, match="Try again"):
        lifter(*clip.frame(1, STEP_NS))
    engine.answer = answer
    lifter(*clip.frame(2, 2 * STEP_NS))
    first, _, second = (screen_features(keypoints, clip.scores) for keypoints in clip.normalized)
    window = engine.calls[-1]["keypoints"]
    np.testing.assert_allclose(window[:, FIELD // 2 - 1], first, atol=1e-6)
    np.testing.assert_allclose(window[:, FIELD // 2], second, atol=1e-6)


@pytest.mark.parametrize(
    ("read", "ahead", "axes"),
    [
        ("screen", "camera", "camera"),
        ("screen", "crop", "crop"),
        ("screen", None, "camera"),
        ("person", "camera", "camera"),
        ("person", "crop", "crop"),
        ("person", None, "crop"),
    ],
)
def test_input_conventions_and_axes(read: str, ahead: str | None, axes: str) -> None:
    weights = np.random.default_rng(2).normal(0, 0.3, (51, 51))
    clip = make_clip(1)
    frame, people = clip.frame(0, 0)
    lifted = clip.lifted(frame_lifter(weights, input=read, ahead=ahead, input_features=3))[0]
    features, turned = person_features(clip.normalized[0], clip.scores)
    if read == "screen":
        boxes = people.boxes_xyxy_px
        features = screen_features(clip.normalized[0], clip.scores, with_scores=True)
        turned = rotation_to_rays(frame.camera.rays((boxes[:, :2] + boxes[:, 2:]) / 2))
    joints = from_root((features.reshape(2, -1) @ weights).reshape(2, 17, 3))
    expected = np.stack([r @ j.T for r, j in zip(turned, joints, strict=True)]).transpose(0, 2, 1)
    np.testing.assert_allclose(lifted, expected if axes == "crop" else joints, atol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"input_skeleton": "coco18"}, r"input_skeleton.*coco17.*got 'coco18'"),
        ({"input_skeleton": None}, r"input_skeleton.*got None"),
        ({"input_features": 4}, r"input_features.*2 \(x, y\) or 3"),
        ({"input_features": None}, r"input_features.*got None"),
        ({"input": "image"}, r"parameter input of.*screen, person"),
        ({"ahead": "north"}, r"parameter ahead of.*camera, crop"),
        ({"focal": 0}, r"parameter focal of.*above 0"),
        ({"metres_per_unit": -1.0}, r"parameter metres_per_unit of.*above 0"),
        ({"receptive_field": 8}, r"receptive_field.*an odd number.*got 8"),
        ({"receptive_field": None}, r"receptive_field.*an integer, 1 or above"),
        ({"input_features": 3}, r"keypoints: float32 \(batch, 5, 17, 3\).*got keypoints"),
    ],
)
def test_invalid_parameters_are_errors(parameters: Any, message: str) -> None:
    engine = over_time("videopose3d").engine
    with pytest.raises(EngineError, match=message):
        Lifter(RoleEngine(engine, lifter_entry("videopose3d", **parameters)), COCO)


@pytest.mark.parametrize(
    ("engine", "entry", "message"),
    [
        (
            FRAME,
            lifter_entry("temporal_step"),
            "one of lifter_frame, lifter_absolute, videopose3d, videopose3d_step.*got 'temporal_st",
        ),
        (FRAME, lifter_entry("videopose3d_step"), r"x: float32 \(batch, 34\).*got keypoints"),
        (
            over_time("videopose3d").engine,
            ENTRY,
            r"keypoints: float32 \(batch, 17, 2\).*got keypoints: float32 \(n, frames, 17, 2\)",
        ),
        (FRAME, lifter_entry("lifter_frame", 9), "receptive_field.*1 for lifter_frame.*got 9"),
        (FRAME, attr.evolve(ENTRY, skeleton="muco21"), r"joints: float32 \(any, 21, 3\)"),
        (FRAME, attr.evolve(ENTRY, skeleton=None), "skeleton of test.*got none"),
        (
            AnsweringEngine(lambda feeds: {}, {"keypoints": (1, 17, 2)}, {"joints": (1, 17, 3)}),
            ENTRY,
            r"keypoints: float32 \(batch, 17, 2\).*got keypoints: float32 \(1, 17, 2\)",
        ),
    ],
)
def test_unknown_decoder_or_mismatched_graph_is_an_error(engine: Engine, entry: ManifestEntry, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        Lifter(RoleEngine(engine, entry), COCO)


@pytest.mark.parametrize("state", [("batch", 34, 0), ("batch", 34), ("batch", 34, "frames")])
def test_states_of_no_fixed_length_are_refused(state: tuple[int | str, ...]) -> None:
    inputs: Shapes = {"x": ("batch", 34), "state_0": state}
    engine = AnsweringEngine(lambda feeds: {}, inputs, {"y": ("batch", 51), "next_state_0": state})
    with pytest.raises(EngineError, match=r"states of test.*fixed lengths.*state_0"):
        Lifter(RoleEngine(engine, lifter_entry("videopose3d_step")), COCO)


def test_output_of_another_shape_is_an_error() -> None:
    engine = frame_engine(lambda feeds: {"joints": np.zeros((2, 16, 3))})
    with pytest.raises(EngineError, match=r"output joints.*\(2, 17, 3\).*\(2, 16, 3\)"):
        Lifter(RoleEngine(engine, ENTRY), COCO)(*make_clip(1).frame(0, 0))
