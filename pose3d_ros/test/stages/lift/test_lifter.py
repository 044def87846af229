"""Lifters: each decoder against its network offline, people that swap, and where axes point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attr
import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pose3d_ros.engines import Engine, ManifestEntry, OnnxEngine, RoleEngine
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry.rays import rotation_to_rays
from pose3d_ros.skeletons import SKELETONS
from pose3d_ros.stages.lift.lift_features import person_features, screen_features
from pose3d_ros.stages.lift.lifter import Lifter

Array = npt.NDArray[np.float64]
MakeEntry = Callable[..., ManifestEntry]
OverTime = Callable[[str], RoleEngine]

COCO, H36M = SKELETONS["coco17"], SKELETONS["h36m17"]
STEP_NS = 40_000_000
FIELD = 5
DECODERS = ("videopose3d", "videopose3d_step")


def linear_graph(path: Path, weights: Array) -> Engine:
    """`lifter_frame`: keypoints (N, 17, F) flattened, times weights (17·F, 17·3)."""
    features = weights.shape[0] // 17
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["keypoints"], ["flat"], axis=1),
            helper.make_node("MatMul", ["flat", "weights"], ["out"]),
            helper.make_node("Reshape", ["out", "shape"], ["joints"]),
        ],
        "linear",
        [helper.make_tensor_value_info("keypoints", TensorProto.FLOAT, ["batch", 17, features])],
        [helper.make_tensor_value_info("joints", TensorProto.FLOAT, ["batch", 17, 3])],
        [
            numpy_helper.from_array(weights.astype(np.float32), "weights"),
            numpy_helper.from_array(np.array([-1, 17, 3]), "shape"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return OnnxEngine(path, threads=1)


@pytest.fixture
def frame_engine(tmp_path: Path) -> Engine:
    return linear_graph(tmp_path / "frame.onnx", np.random.default_rng(1).normal(0, 0.3, (34, 51)))


def test_a_frame_by_hand(tmp_path: Path, entry: MakeEntry, lift: Any) -> None:
    # x of the left wrist becomes X of the pelvis (the root), y of the nose becomes Z of the nose, in units of 1 cm.
    weights = np.zeros((34, 51))
    weights[2 * COCO.index_of["L_Wrist"], 3 * H36M.index_of["Pelvis"]] = 1.0
    weights[2 * COCO.index_of["Nose"] + 1, 3 * H36M.index_of["Nose"] + 2] = 1.0
    engine = linear_graph(tmp_path / "frame.onnx", weights)
    lifter = Lifter(RoleEngine(engine, entry("lifter_frame", 1, focal=2.0, metres_per_unit=0.01)), COCO)
    joints = np.full((1, 17, 2), 100.0)
    joints[0, COCO.index_of["L_Wrist"]] = lift.camera.project([0.5, 0.0, 1.0])
    joints[0, COCO.index_of["Nose"]] = lift.camera.project([0.0, -0.25, 1.0])
    people = lifter(*lift.seen(joints, np.ones((1, 17))))
    expected = np.tile([-0.01, 0.0, 0.0], (17, 1))
    expected[H36M.index_of["Pelvis"]] = 0.0
    expected[H36M.index_of["Nose"], 2] = -0.005
    np.testing.assert_allclose(lift.relative_m(people), expected[None], atol=1e-8)
    np.testing.assert_array_equal(people.relative_depth_m, lift.relative_m(people)[..., 2])
    assert people.lifted


@pytest.mark.parametrize("decoder", DECODERS)
def test_frame_by_frame_is_the_offline_run_over_a_padded_clip(decoder: str, over_time: OverTime, lift: Any) -> None:
    clip = lift.clip(9)
    lifted = clip.lifted(Lifter(over_time(decoder), COCO))
    features = clip.normalized * 2.29
    for t in range(len(lifted)):
        # VideoPose3D's "edge" padding: before the clip, and for frames in the middle also after it.
        after = FIELD // 2 if decoder == "videopose3d" else 0
        padded = np.pad(features[: t + 1], ((FIELD - 1 - after, after), (0, 0), (0, 0), (0, 0)), "edge")
        np.testing.assert_allclose(lifted[t], lift.offline(decoder, padded)[-1], atol=1e-5)


def test_everybody_is_one_batch(over_time: OverTime, lift: Any) -> None:
    model: Any = over_time("videopose3d")
    lift.clip(3).lifted(Lifter(model, COCO))
    assert [call["keypoints"].shape for call in model.engine.calls] == [(2, FIELD, 17, 2)] * 3


@pytest.mark.parametrize("decoder", DECODERS)
def test_people_who_swap_places_in_the_list_keep_their_past(decoder: str, over_time: OverTime, lift: Any) -> None:
    clip = lift.clip(9)
    one, other = (Lifter(over_time(decoder), COCO) for _ in range(2))
    swapped = clip.lifted(other, lambda t: [1, 0] if t % 3 == 1 else [0, 1])
    np.testing.assert_allclose(swapped, clip.lifted(one), atol=1e-6)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_gap_a_clock_that_goes_back_and_a_reset_start_afresh(decoder: str, over_time: OverTime, lift: Any) -> None:
    clip, lifter = lift.clip(4), Lifter(over_time(decoder), COCO)
    fresh = lift.relative_m(Lifter(over_time(decoder), COCO)(*clip.frame(3, 0)))
    clip.lifted(lifter)
    assert np.abs(lift.relative_m(lifter(*clip.frame(3, 4 * STEP_NS))) - fresh).max() > 1e-4
    clip.lifted(lifter)  # the clock goes back
    np.testing.assert_allclose(lift.relative_m(lifter(*clip.frame(3, 3 * STEP_NS + 500_000_001))), fresh, atol=1e-6)
    clip.lifted(lifter)
    np.testing.assert_allclose(lift.relative_m(lifter(*clip.frame(3, 0))), fresh, atol=1e-6)
    clip.lifted(lifter)
    lifter.reset()
    np.testing.assert_allclose(lift.relative_m(lifter(*clip.frame(3, 4 * STEP_NS))), fresh, atol=1e-6)


def test_a_frame_that_failed_changes_nobodys_past(over_time: OverTime, lift: Any) -> None:
    def failing(feeds: Any) -> dict[str, Any]:
        raise EngineError("engine", expected="a run", got="none", fix="Try again.")

    clip, model = lift.clip(3), over_time("videopose3d")
    engine: Any = model.engine
    lifter, answer = Lifter(model, COCO), engine.answer
    lifter(*clip.frame(0, 0))
    engine.answer = failing
    with pytest.raises(EngineError, match="Try again"):
        lifter(*clip.frame(1, STEP_NS))
    engine.answer = answer
    lifter(*clip.frame(2, 2 * STEP_NS))
    first, _, second = (screen_features(places, clip.scores) for places in clip.normalized)
    window = engine.calls[-1]["keypoints"]
    np.testing.assert_allclose(window[:, FIELD // 2 - 1], first, atol=1e-6)
    np.testing.assert_allclose(window[:, FIELD // 2], second, atol=1e-6)


@pytest.mark.parametrize(
    ("read", "ahead"), [("screen", "camera"), ("screen", "crop"), ("person", "camera"), ("person", "crop")]
)
def test_inputs_and_axes(read: str, ahead: str, tmp_path: Path, entry: MakeEntry, lift: Any) -> None:
    weights = np.random.default_rng(2).normal(0, 0.3, (51, 51))
    engine = linear_graph(tmp_path / "frame.onnx", weights)
    made = entry("lifter_frame", 1, input=read, ahead=ahead, input_features=3)
    clip = lift.clip(1)
    frame, people = clip.frame(0, 0)
    lifted = clip.lifted(Lifter(RoleEngine(engine, made), COCO))[0]
    features, turned = person_features(clip.normalized[0], clip.scores)
    if read == "screen":
        boxes = people.boxes_xyxy_px
        features = screen_features(clip.normalized[0], clip.scores, with_scores=True)
        turned = rotation_to_rays(frame.camera.rays((boxes[:, :2] + boxes[:, 2:]) / 2))
    joints = lift.from_root((features.reshape(2, -1) @ weights).reshape(2, 17, 3))
    expected = np.stack([r @ j.T for r, j in zip(turned, joints, strict=True)]).transpose(0, 2, 1)
    np.testing.assert_allclose(lifted, expected if ahead == "crop" else joints, atol=1e-5)


@pytest.mark.parametrize(("read", "ahead"), [("screen", "camera"), ("person", "crop")])
def test_axes_by_default(read: str, ahead: str, frame_engine: Engine, entry: MakeEntry, lift: Any) -> None:
    clip = lift.clip(1)
    given, default = (
        clip.lifted(Lifter(RoleEngine(frame_engine, entry("lifter_frame", 1, input=read, ahead=a)), COCO))
        for a in (ahead, None)
    )
    np.testing.assert_array_equal(given, default)


def test_a_person_reads_the_same_wherever_the_camera_looks(frame_engine: Engine, entry: MakeEntry, lift: Any) -> None:
    # Two views of one person from one place: the joints from the root differ by the cameras' rotation alone.
    lifter = Lifter(RoleEngine(frame_engine, entry("lifter_frame", 1, input="person")), COCO)
    person_m = np.random.default_rng(3).uniform(-0.7, 0.7, (17, 3)) + (0, 0, 5)
    rays = person_m / np.linalg.norm(person_m, axis=1, keepdims=True)
    straight = rotation_to_rays(rays.mean(axis=0)[None])[0]
    turn = rotation_to_rays(np.array([[0.4, 0.2, 1.0]]))[0]
    views = np.stack([person_m @ straight, person_m @ straight @ turn.T])
    lifted = lift.relative_m(lifter(*lift.seen(lift.camera.project(views), np.ones((2, 17)))))
    np.testing.assert_allclose(lifted[1], lifted[0] @ turn.T, atol=1e-5)


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
def test_parameters_that_can_not_be_used(parameters: Any, message: str, over_time: OverTime, entry: MakeEntry) -> None:
    engine = over_time("videopose3d").engine
    with pytest.raises(EngineError, match=message):
        Lifter(RoleEngine(engine, entry("videopose3d", **parameters)), COCO)


def test_another_decoder_and_other_graphs_are_refused(
    frame_engine: Engine, over_time: OverTime, entry: MakeEntry
) -> None:
    frame, window = entry("lifter_frame", 1), over_time("videopose3d").engine
    for engine, made, message in (
        (frame_engine, entry("temporal_step"), r"one of lifter_frame, videopose3d, videopose3d_step.*got 'temporal_st"),
        (frame_engine, entry("videopose3d_step"), r"x: float32 \(batch, 34\).*got keypoints"),
        (window, frame, r"keypoints: float32 \(batch, 17, 2\).*got keypoints: float32 \(n, frames, 17, 2\)"),
        (frame_engine, entry("lifter_frame", 9), "receptive_field.*1 for lifter_frame.*got 9"),
        (frame_engine, attr.evolve(frame, skeleton="muco21"), r"joints: float32 \(any, 21, 3\)"),
        (frame_engine, attr.evolve(frame, skeleton=None), "skeleton of test.*got none"),
    ):
        with pytest.raises(EngineError, match=message):
            Lifter(RoleEngine(engine, made), COCO)


@pytest.mark.parametrize("state", [("batch", 34, 0), ("batch", 34), ("batch", 34, "frames")])
def test_states_of_no_fixed_length_are_refused(
    state: tuple[int | str, ...], make_engine: Any, entry: MakeEntry
) -> None:
    engine = make_engine(lambda feeds: {}, {"x": ("batch", 34), "state_0": state}, y=("batch", 51), next_state_0=state)
    with pytest.raises(EngineError, match=r"states of test.*fixed lengths.*state_0"):
        Lifter(RoleEngine(engine, entry("videopose3d_step")), COCO)


def test_a_graph_for_one_person_alone_is_refused(make_engine: Any, entry: MakeEntry) -> None:
    engine = make_engine(lambda feeds: {}, {"keypoints": (1, 17, 2)}, joints=(1, 17, 3))
    with pytest.raises(EngineError, match=r"keypoints: float32 \(batch, 17, 2\).*got keypoints: float32 \(1, 17, 2\)"):
        Lifter(RoleEngine(engine, entry("lifter_frame", 1)), COCO)


def test_an_answer_of_another_shape_is_refused(make_engine: Any, entry: MakeEntry, lift: Any) -> None:
    wrong = {"joints": np.zeros((2, 16, 3))}
    engine = make_engine(lambda feeds: wrong, {"keypoints": ("n", 17, 2)}, joints=("n", 17, 3))
    with pytest.raises(EngineError, match=r"output joints.*\(2, 17, 3\).*\(2, 16, 3\)"):
        Lifter(RoleEngine(engine, entry("lifter_frame", 1)), COCO)(*lift.clip(1).frame(0, 0))
