"""What a lifter makes of joints that are missing, how its joints are scored, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import attr
import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.engines import Engine, ManifestEntry
from pose3d_ros.errors import EngineError, InputError
from pose3d_ros.geometry import Camera, solve_root
from pose3d_ros.skeletons import SKELETONS
from pose3d_ros.stages.lift.lifter import Lifter

Array = npt.NDArray[np.float64]
MakeEngine = Callable[..., Any]
MakeEntry = Callable[..., ManifestEntry]
EngineOf = Callable[..., Any]

COCO, H36M = SKELETONS["coco17"], SKELETONS["h36m17"]
LACKING = np.array([name in ("Spine", "Neck", "Head_top") for name in H36M.joints])
"""Joints of h36m17 that coco17 neither has nor determines."""
NO_PELVIS = [name for name in SKELETONS["mpii16"].joints if name != "Pelvis"]
CAMERA = Camera.from_hfov(70.0, 640, 480)
STEP_NS = 40_000_000
BOXES = np.array([[50.0, 50.0, 200.0, 400.0], [350.0, 50.0, 500.0, 400.0]])
SHAPE_M = np.random.default_rng(1).uniform(-0.8, 0.8, (17, 3))
"""What every network here says of everybody."""
JOINTS_PX = np.random.default_rng(5).uniform(BOXES[:, None, :2], BOXES[:, None, 2:], (2, 17, 2))
SCORES: Array = np.array([np.linspace(0.5, 0.9, 17)] * 2, dtype=np.float64)
FRAME = {"keypoints": ("n", 17, 2)}, ("n", 17, 3)
SCORED = {"keypoints": ("n", 17, 3)}, ("n", 17, 3)
WINDOW = {"keypoints": ("n", "frames", 17, 2)}, ("n", "frames-8", 17, 3)


@pytest.fixture
def engine_of(make_engine: MakeEngine) -> EngineOf:
    def make(inputs: dict[str, tuple[int | str, ...]], joints: tuple[int | str, ...]) -> Any:
        def answer(feeds: Any) -> dict[str, Any]:
            one = SHAPE_M.astype(np.float32)[(None,) * (len(joints) - 2)]
            return {"joints": one.repeat(len(feeds["keypoints"]), axis=0)}

        return make_engine(answer, inputs, joints=joints)

    return make


@pytest.fixture
def frame_engine(engine_of: EngineOf) -> Engine:
    engine: Engine = engine_of(*FRAME)
    return engine


@pytest.fixture
def entry(make_entry: MakeEntry) -> MakeEntry:
    def make(decoder: str, field: int = 9, **parameters: Any) -> ManifestEntry:
        given = {"input_skeleton": "coco17", "input_features": 2, "receptive_field": field, **parameters}
        known = {name: value for name, value in given.items() if value is not None}
        return make_entry(decoder, roles=("lifter",), skeleton="h36m17", normalization=None, parameters=known)

    return make


def test_scores_and_places_of_joints(frame_engine: Engine, entry: MakeEntry) -> None:
    lifted = Lifter(frame_engine, entry("lifter_frame", 1), COCO)(CAMERA, 0, BOXES, JOINTS_PX, SCORES)
    hips = [COCO.index_of["L_Hip"], COCO.index_of["R_Hip"]]
    at = H36M.index_of
    np.testing.assert_allclose(lifted.scores[0, at["Nose"]], SCORES[0, COCO.index_of["Nose"]])
    np.testing.assert_allclose(lifted.scores[0, at["Pelvis"]], SCORES[0, hips].min())
    np.testing.assert_allclose(lifted.scores[0, LACKING], SCORES[0].mean())
    np.testing.assert_allclose(lifted.joints_img_px[0, at["Pelvis"]], JOINTS_PX[0, hips].mean(axis=0))
    np.testing.assert_allclose(lifted.joints_img_px[0, at["R_Knee"]], JOINTS_PX[0, COCO.index_of["R_Knee"]])
    np.testing.assert_array_equal(np.isnan(lifted.joints_img_px).any(axis=-1), [LACKING, LACKING])
    np.testing.assert_allclose(lifted.relative_m, [SHAPE_M - SHAPE_M[H36M.root]] * 2, atol=1e-6)


@pytest.mark.parametrize("lost", ["nan", "score", "both"])
def test_a_joint_that_was_not_seen_stays_unknown(lost: str, frame_engine: Engine, entry: MakeEntry) -> None:
    joints, scores = JOINTS_PX.copy(), SCORES.copy()
    gone = [COCO.index_of["L_Hip"], COCO.index_of["Nose"]]
    joints[0, gone] = 1e4 if lost == "score" else np.nan
    scores[0, gone] = 0.9 if lost == "nan" else 0.0
    lifted = Lifter(frame_engine, entry("lifter_frame", 1), COCO)(CAMERA, 0, BOXES, joints, scores)
    # The pelvis is the mean of the hips: with one of them it is gone, with all that the camera says of it.
    unknown = np.array([name in ("Pelvis", "L_Hip", "Nose") for name in H36M.joints])
    np.testing.assert_array_equal(np.isnan(lifted.relative_m[0]).any(axis=1), unknown)
    np.testing.assert_array_equal(np.isnan(lifted.joints_img_px[0]).any(axis=1), unknown | LACKING)
    assert np.isfinite(lifted.relative_m[1]).all()
    np.testing.assert_array_equal(lifted.scores[0, unknown], 0)
    np.testing.assert_allclose(lifted.scores[0, LACKING], np.delete(SCORES[0], gone).mean())


def test_the_root_of_people_without_hips_is_still_exact(frame_engine: Engine, entry: MakeEntry) -> None:
    # The network says their true shape; where they stand follows from the joints that are seen, of which the hips,
    # and with them the root joint, are none.
    roots_m = np.array([[-0.6, 0.1, 4.0], [1.0, -0.2, 6.0]])
    shape_m = SHAPE_M - SHAPE_M[H36M.root]
    pixels = CAMERA.project(shape_m + roots_m[:, None])
    joints = np.full((2, 17, 2), np.nan)
    for name in set(COCO.joints) & set(H36M.joints) - {"L_Hip", "R_Hip"}:
        joints[:, COCO.index_of[name]] = pixels[:, H36M.index_of[name]]
    lifted = Lifter(frame_engine, entry("lifter_frame", 1), COCO)(CAMERA, 0, BOXES, joints, SCORES)
    assert np.isnan(lifted.relative_m[:, H36M.root]).all()
    solved = solve_root(lifted.relative_m, CAMERA.rays(lifted.joints_img_px)[..., :2], lifted.scores)
    np.testing.assert_allclose(solved.root_cam_m, roots_m, atol=1e-5)


def test_places_of_missing_joints_for_a_network_without_scores(engine_of: EngineOf, entry: MakeEntry) -> None:
    engine = engine_of(*WINDOW)
    lifter = Lifter(engine, entry("videopose3d", 9, focal=1.0), COCO)
    places, lost, never = np.random.default_rng(8).uniform(-0.3, 0.3, (1, 17, 2)), 3, 5

    def newest(shift: tuple[float, float], gone: list[int], stamp_ns: int) -> Array:
        pixels = CAMERA.project(np.concatenate([places + shift, np.ones((1, 17, 1))], axis=-1))
        pixels[:, gone] = np.nan
        lifter(CAMERA, stamp_ns, BOXES[:1], pixels, SCORES[:1])
        return np.asarray(engine.calls[-1]["keypoints"][0, 4], dtype=np.float64)

    def mean_without(*gone: int) -> Array:
        return np.asarray(np.delete(places[0], gone, axis=0).mean(axis=0))

    first, second, third = (0.0, 0.0), (0.05, -0.02), (0.1, -0.04)
    np.testing.assert_allclose(newest(first, [never], 0)[never], mean_without(never), atol=1e-6)
    # The other joints have moved on, and it with them.
    np.testing.assert_allclose(newest(second, [lost, never], STEP_NS)[lost], places[0, lost] + second, atol=1e-6)
    np.testing.assert_allclose(newest(third, [lost, never], 2 * STEP_NS)[lost], places[0, lost] + third, atol=1e-6)
    # Of somebody of whom nothing is seen everything stays, and somebody new has no past.
    everything = list(range(17))
    held = newest((0.3, 0.3), everything, 3 * STEP_NS)
    np.testing.assert_allclose(np.delete(held, never, axis=0), np.delete(places[0] + third, never, axis=0), atol=1e-6)
    np.testing.assert_allclose(newest(first, [lost], 90 * STEP_NS)[lost], mean_without(lost), atol=1e-6)
    np.testing.assert_array_equal(newest(first, everything, 180 * STEP_NS), 0)


def test_a_joint_with_nothing_in_common_moves_with_the_mean(engine_of: EngineOf, entry: MakeEntry) -> None:
    engine = engine_of(*WINDOW)
    lifter = Lifter(engine, entry("videopose3d", 9, focal=1.0), COCO)
    for stamp_ns, seen, at in ((0, [0, 1], [[0.0, 0.0], [0.2, 0.0]]), (STEP_NS, [2, 3], [[0.3, 0.1], [0.5, 0.1]])):
        joints = np.full((1, 17, 2), np.nan)
        joints[0, seen] = CAMERA.project(np.concatenate([np.array(at), np.ones((2, 1))], axis=1))
        lifter(CAMERA, stamp_ns, BOXES[:1], joints, SCORES[:1])
    # The mean went from (0.1, 0) to (0.4, 0.1).
    np.testing.assert_allclose(engine.calls[-1]["keypoints"][0, 4, :2], [[0.3, 0.1], [0.5, 0.1]], atol=1e-6)


def test_a_network_with_scores_is_told_what_is_missing(engine_of: EngineOf, entry: MakeEntry) -> None:
    engine = engine_of(*SCORED)
    lifter = Lifter(engine, entry("lifter_frame", 1, input_features=3), COCO)
    joints = JOINTS_PX.copy()
    joints[0, 4] = np.nan
    lifter(CAMERA, 0, BOXES, joints, SCORES)
    keypoints = engine.calls[0]["keypoints"]
    np.testing.assert_array_equal(keypoints[0, 4], 0)
    np.testing.assert_allclose(keypoints[1, :, 2], SCORES[1], atol=1e-6)


def test_a_person_of_one_joint_is_unknown(frame_engine: Engine, entry: MakeEntry) -> None:
    scores = np.zeros((2, 17))
    scores[0, 0] = scores[1, 0] = scores[1, 1] = 0.8
    lifted = Lifter(frame_engine, entry("lifter_frame", 1), COCO)(CAMERA, 0, BOXES, JOINTS_PX, scores)
    assert np.isnan(lifted.relative_m[0]).all()
    assert np.isfinite(lifted.relative_m[1, LACKING]).all()


@pytest.mark.parametrize(("decoder", "frames"), [("lifter_frame", 1), ("videopose3d", 9)])
def test_nobody(decoder: str, frames: int, engine_of: EngineOf, entry: MakeEntry) -> None:
    engine = engine_of(*(FRAME if frames == 1 else WINDOW))
    lifted = Lifter(engine, entry(decoder, frames), COCO)(
        CAMERA, 0, np.zeros((0, 4)), np.zeros((0, 17, 2)), np.zeros((0, 17))
    )
    shapes = lifted.relative_m.shape, lifted.joints_img_px.shape, lifted.scores.shape
    assert shapes == ((0, 17, 3), (0, 17, 2), (0, 17))
    assert engine.calls == []


def test_joints_that_can_not_be_had_are_named(frame_engine: Engine, entry: MakeEntry) -> None:
    with pytest.raises(EngineError, match=r"all joints of h36m17.*coco17 without Spine, Neck, Head_top"):
        Lifter(frame_engine, entry("lifter_frame", 1, input_skeleton="h36m17"), COCO)


def test_joints_that_follow_from_others_are_enough(engine_of: EngineOf, entry: MakeEntry) -> None:
    # MPII's pelvis is between the hips: a lifter that reads a pelvis can be given joints without one.
    given = replace(SKELETONS["mpii16"], name="hipless", joints=tuple(NO_PELVIS), root=0)
    engine = engine_of({"keypoints": ("n", 16, 2)}, ("n", 17, 3))
    lifter = Lifter(engine, entry("lifter_frame", 1, input_skeleton="mpii16", focal=1.0), given)
    assert lifter.skeleton is H36M
    at = {name: i for i, name in enumerate(NO_PELVIS)}
    joints = np.zeros((1, len(NO_PELVIS), 2))
    joints[0, [at["L_Hip"], at["R_Hip"]]] = CAMERA.project(np.array([[0.1, 0.2, 1.0], [0.3, 0.4, 1.0]]))
    lifter(CAMERA, 0, BOXES[:1], joints, np.ones((1, len(NO_PELVIS))))
    pelvis = SKELETONS["mpii16"].index_of["Pelvis"]
    np.testing.assert_allclose(engine.calls[0]["keypoints"][0, pelvis], [0.2, 0.3], atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"input_skeleton": "coco18"}, r"input_skeleton.*coco17.*got 'coco18'"),
        ({"input_skeleton": None}, r"input_skeleton.*got None"),
        ({"input_features": 4}, r"input_features.*2 \(x, y\) or 3"),
        ({"input_features": None}, r"input_features.*got None"),
        ({"input": "picture"}, r"parameter input of.*screen, person"),
        ({"ahead": "north"}, r"parameter ahead of.*camera, crop"),
        ({"focal": 0}, r"parameter focal of.*above 0"),
        ({"metres_per_unit": -1.0}, r"parameter metres_per_unit of.*above 0"),
        ({"receptive_field": 8}, r"receptive_field.*an odd number.*got 8"),
        ({"receptive_field": None}, r"receptive_field.*whole number above 0"),
        ({"input_features": 3}, r"keypoints \(batch, 9, 17, 3\).*got keypoints"),
    ],
)
def test_parameters_that_can_not_be_used(
    parameters: dict[str, Any], message: str, engine_of: EngineOf, entry: MakeEntry
) -> None:
    with pytest.raises(EngineError, match=message):
        Lifter(engine_of(*WINDOW), entry("videopose3d", **parameters), COCO)


def test_another_decoder_and_other_graphs(frame_engine: Engine, engine_of: EngineOf, entry: MakeEntry) -> None:
    with pytest.raises(EngineError, match=r"one of lifter_frame, videopose3d, videopose3d_step.*got 'temporal_step'"):
        Lifter(frame_engine, entry("temporal_step", 9), COCO)
    with pytest.raises(EngineError, match=r"y \(batch, 51\).*got keypoints"):
        Lifter(frame_engine, entry("videopose3d_step", 9), COCO)
    with pytest.raises(EngineError, match=r"joints \(batch, 17, 3\).*got keypoints: float32 \(n, frames, 17, 2\)"):
        Lifter(engine_of(*WINDOW), entry("lifter_frame", 1), COCO)
    with pytest.raises(EngineError, match=r"receptive_field.*1 for lifter_frame.*got 9"):
        Lifter(frame_engine, entry("lifter_frame", 9), COCO)
    with pytest.raises(EngineError, match=r"joints \(batch, 21, 3\)"):
        Lifter(frame_engine, attr.evolve(entry("lifter_frame", 1), skeleton="muco21"), COCO)
    with pytest.raises(EngineError, match=r"skeleton of test.*got none"):
        Lifter(frame_engine, attr.evolve(entry("lifter_frame", 1), skeleton=None), COCO)


@pytest.mark.parametrize("state", [("batch", 34, 0), ("batch", 34), ("batch", 34, "frames")])
def test_states_of_no_fixed_length(state: tuple[int | str, ...], make_engine: MakeEngine, entry: MakeEntry) -> None:
    inputs = {"x": ("batch", 34), "state_0": state}
    engine = make_engine(lambda feeds: {}, inputs, y=("batch", 51), next_state_0=state)
    with pytest.raises(EngineError, match=r"states of test.*fixed lengths.*state_0"):
        Lifter(engine, entry("videopose3d_step", 9), COCO)


def test_a_graph_for_one_person_alone(engine_of: EngineOf, entry: MakeEntry) -> None:
    with pytest.raises(EngineError, match=r"keypoints \(batch, 17, 2\).*got keypoints: float32 \(1, 17, 2\)"):
        Lifter(engine_of({"keypoints": (1, 17, 2)}, (1, 17, 3)), entry("lifter_frame", 1), COCO)


def test_an_answer_of_another_shape(make_engine: MakeEngine, entry: MakeEntry) -> None:
    inputs, joints = FRAME
    engine = make_engine(lambda feeds: {"joints": np.zeros((2, 16, 3))}, inputs, joints=joints)
    with pytest.raises(EngineError, match=r"output joints.*\(2, 17, 3\).*\(2, 16, 3\)"):
        Lifter(engine, entry("lifter_frame", 1), COCO)(CAMERA, 0, BOXES, JOINTS_PX, SCORES)


def test_arrays_that_do_not_fit(frame_engine: Engine, entry: MakeEntry) -> None:
    lifter = Lifter(frame_engine, entry("lifter_frame", 1), COCO)
    with pytest.raises(InputError, match=r"\(N, 4\) and \(N, 17, 2\).*\(2, 4\) and \(1, 17, 2\)"):
        lifter(CAMERA, 0, BOXES, np.zeros((1, 17, 2)), np.zeros((1, 17)))
    with pytest.raises(InputError, match=r"2D joints and their scores"):
        lifter(CAMERA, 0, BOXES, np.zeros((2, 17, 2)), np.zeros((2, 16)))
