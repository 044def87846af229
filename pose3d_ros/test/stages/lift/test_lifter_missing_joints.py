"""What a lifter makes of joints that are missing, and how its joints are scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import attr
import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.engines import ManifestEntry, RoleEngine
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import solve_root
from pose3d_ros.skeletons import SKELETONS
from pose3d_ros.stages.lift.lifter import Lifter

Array = npt.NDArray[np.float64]
FrameModel = Callable[..., Any]

COCO, H36M = SKELETONS["coco17"], SKELETONS["h36m17"]
LACKING = np.array([name in ("Spine", "Neck", "Head_top") for name in H36M.joints])
"""Joints of h36m17 that coco17 neither has nor determines."""
NO_PELVIS = [name for name in SKELETONS["mpii16"].joints if name != "Pelvis"]
STEP_NS = 40_000_000
SHAPE_M = np.random.default_rng(1).uniform(-0.8, 0.8, (17, 3))
"""What every network here says of everybody."""
SCORES: Array = np.array([np.linspace(0.5, 0.9, 17)] * 2, dtype=np.float64)


@pytest.fixture
def frame_model(make_engine: Any, entry: Callable[..., ManifestEntry]) -> FrameModel:
    """A network of one frame that always gives SHAPE_M. features: of each of the joints it reads."""

    def make(features: int = 2, joints: int = 17, **parameters: Any) -> RoleEngine:
        def answer(feeds: Any) -> dict[str, Any]:
            return {"joints": SHAPE_M.astype(np.float32)[None].repeat(len(feeds["keypoints"]), axis=0)}

        engine = make_engine(answer, {"keypoints": ("n", joints, features)}, joints=("n", 17, 3))
        return RoleEngine(engine, entry("lifter_frame", 1, input_features=features, **parameters))

    return make


@pytest.fixture
def joints_px(lift: Any) -> Array:
    """(2, 17, 2), in the two boxes."""
    return np.asarray(lift.clip(1).joints_img_px[0])


def test_scores_and_places_of_joints(frame_model: FrameModel, joints_px: Array, lift: Any) -> None:
    lifted = Lifter(frame_model(), COCO)(*lift.seen(joints_px, SCORES))
    hips, at = [COCO.index_of["L_Hip"], COCO.index_of["R_Hip"]], H36M.index_of
    assert lifted.skeleton is H36M
    np.testing.assert_allclose(lifted.scores[0, at["Nose"]], SCORES[0, COCO.index_of["Nose"]])
    np.testing.assert_allclose(lifted.scores[0, at["Pelvis"]], SCORES[0, hips].min())
    np.testing.assert_allclose(lifted.scores[0, LACKING], SCORES[0].mean())
    np.testing.assert_allclose(lifted.joints_img_px[0, at["Pelvis"]], joints_px[0, hips].mean(axis=0))
    np.testing.assert_allclose(lifted.joints_img_px[0, at["R_Knee"]], joints_px[0, COCO.index_of["R_Knee"]])
    np.testing.assert_array_equal(np.isnan(lifted.joints_img_px).any(axis=-1), [LACKING, LACKING])
    np.testing.assert_allclose(lift.relative_m(lifted), [SHAPE_M - SHAPE_M[H36M.root]] * 2, atol=1e-6)


@pytest.mark.parametrize("lost", ["nan", "score", "invalid"])
def test_a_joint_that_was_not_seen_stays_unknown(
    lost: str, frame_model: FrameModel, joints_px: Array, lift: Any
) -> None:
    joints, scores = joints_px.copy(), SCORES.copy()
    gone = [COCO.index_of["L_Hip"], COCO.index_of["Nose"]]
    joints[0, gone] = np.nan if lost == "nan" else 1e4
    scores[0, gone] = 0.0 if lost == "score" else 0.9
    frame, people = lift.seen(joints, scores)
    people.valid[0, gone] = lost != "invalid"
    lifted = Lifter(frame_model(), COCO)(frame, people)
    # The pelvis is the mean of the hips: with one of them it is gone, with all that the camera says of it.
    unknown = np.array([name in ("Pelvis", "L_Hip", "Nose") for name in H36M.joints])
    np.testing.assert_array_equal(np.isnan(lift.relative_m(lifted)[0]).any(axis=1), unknown)
    np.testing.assert_array_equal(lifted.valid[0], ~unknown)
    np.testing.assert_array_equal(np.isnan(lifted.joints_img_px[0]).any(axis=1), unknown | LACKING)
    assert lifted.valid[1].all()
    np.testing.assert_array_equal(lifted.scores[0, unknown], 0)
    np.testing.assert_allclose(lifted.scores[0, LACKING], np.delete(SCORES[0], gone).mean())


def test_the_root_of_people_without_hips_is_still_exact(frame_model: FrameModel, lift: Any) -> None:
    # The network says their true shape; where they stand follows from the joints that are seen, of which the hips,
    # and with them the root joint, are none.
    roots_m = np.array([[-0.6, 0.1, 4.0], [1.0, -0.2, 6.0]])
    shape_m = SHAPE_M - SHAPE_M[H36M.root]
    pixels = lift.camera.project(shape_m + roots_m[:, None])
    joints = np.full((2, 17, 2), np.nan)
    for name in set(COCO.joints) & set(H36M.joints) - {"L_Hip", "R_Hip"}:
        joints[:, COCO.index_of[name]] = pixels[:, H36M.index_of[name]]
    lifted = Lifter(frame_model(), COCO)(*lift.seen(joints, SCORES))
    assert np.isnan(lift.relative_m(lifted)[:, H36M.root]).all()
    solved = solve_root(lift.relative_m(lifted), lift.camera.rays(lifted.joints_img_px)[..., :2], lifted.scores)
    np.testing.assert_allclose(solved.root_cam_m, roots_m, atol=1e-5)


def test_places_of_missing_joints_for_a_network_without_scores(over_time: Any, lift: Any) -> None:
    model = over_time("videopose3d")
    entry = attr.evolve(model.entry, parameters={**model.entry.parameters, "focal": 1.0})
    lifter = Lifter(replace(model, entry=entry), COCO)
    places, lost, never = np.random.default_rng(8).uniform(-0.3, 0.3, (1, 17, 2)), 3, 5

    def newest(shift: tuple[float, float], gone: list[int], stamp_ns: int) -> Array:
        pixels = lift.camera.project(np.concatenate([places + shift, np.ones((1, 17, 1))], axis=-1))
        pixels[:, gone] = np.nan
        lifter(*lift.seen(pixels, SCORES[:1], stamp_ns=stamp_ns))
        return np.asarray(model.engine.calls[-1]["keypoints"][0, 2], dtype=np.float64)

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
    # A joint that has none in common with those of the frame before moves with their mean: (0.1, 0) to (0.4, 0.1).
    for seen, at in (([0, 1], [[0.0, 0.0], [0.2, 0.0]]), ([2, 3], [[0.3, 0.1], [0.5, 0.1]])):
        places[0, seen] = at
        found = newest(first, [i for i in everything if i not in seen], (270 + seen[0]) * STEP_NS)
    np.testing.assert_allclose(found[:2], [[0.3, 0.1], [0.5, 0.1]], atol=1e-6)


def test_a_network_with_scores_gets_zeros_for_missing_joints(
    frame_model: FrameModel, joints_px: Array, lift: Any
) -> None:
    model = frame_model(3)
    joints_px[0, 4] = np.nan
    Lifter(model, COCO)(*lift.seen(joints_px, SCORES))
    keypoints = model.engine.calls[0]["keypoints"]
    np.testing.assert_array_equal(keypoints[0, 4], 0)
    np.testing.assert_allclose(keypoints[1, :, 2], SCORES[1], atol=1e-6)


def test_a_person_of_one_joint_is_unknown(frame_model: FrameModel, joints_px: Array, lift: Any) -> None:
    scores = np.zeros((2, 17))
    scores[0, 0] = scores[1, 0] = scores[1, 1] = 0.8
    relative_m = lift.relative_m(Lifter(frame_model(), COCO)(*lift.seen(joints_px, scores)))
    assert np.isnan(relative_m[0]).all()
    assert np.isfinite(relative_m[1, LACKING]).all()


def test_a_network_of_one_frame_has_no_past(frame_model: FrameModel, joints_px: Array, lift: Any) -> None:
    model = frame_model()
    lifter = Lifter(model, COCO)
    lifter(*lift.seen(joints_px, SCORES))
    joints_px[0, 4] = np.nan
    lifter(*lift.seen(joints_px, SCORES, stamp_ns=STEP_NS))
    read = model.engine.calls[1]["keypoints"][0]
    np.testing.assert_allclose(read[4], np.delete(read, 4, axis=0).mean(axis=0), atol=1e-6)


def test_joints_that_can_not_be_had_are_named(frame_model: FrameModel) -> None:
    with pytest.raises(EngineError, match=r"all joints of h36m17.*coco17 without Spine, Neck, Head_top"):
        Lifter(frame_model(input_skeleton="h36m17"), COCO)


def test_joints_that_follow_from_others_are_enough(frame_model: FrameModel, lift: Any) -> None:
    # MPII's pelvis is between the hips: a lifter that reads a pelvis can be given joints without one.
    given = replace(SKELETONS["mpii16"], name="hipless", joints=tuple(NO_PELVIS), root=0)
    model = frame_model(joints=16, input_skeleton="mpii16", focal=1.0)
    at = {name: i for i, name in enumerate(NO_PELVIS)}
    joints = np.zeros((1, len(NO_PELVIS), 2))
    joints[0, [at["L_Hip"], at["R_Hip"]]] = lift.camera.project(np.array([[0.1, 0.2, 1.0], [0.3, 0.4, 1.0]]))
    Lifter(model, given)(*lift.seen(joints, np.ones((1, len(NO_PELVIS))), skeleton=given))
    pelvis = SKELETONS["mpii16"].index_of["Pelvis"]
    np.testing.assert_allclose(model.engine.calls[0]["keypoints"][0, pelvis], [0.2, 0.3], atol=1e-6)
