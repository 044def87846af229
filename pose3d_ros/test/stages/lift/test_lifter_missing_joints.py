"""What a lifter makes of joints that are missing, and how its joints are scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import attr
import numpy as np
import pytest

from pose3d_ros.engines import RoleEngine
from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import SKELETONS
from pose3d_ros.stages.lift.lifter import Lifter
from pose3d_ros.types import Array

from ...conftest import Tensors
from .conftest import CAMERA, COCO, H36M, STEP_NS, frame_engine, lifter_entry, make_clip, over_time, relative_m, seen

LACKING = np.array([name in ("Spine", "Neck", "Head_top") for name in H36M.joints])
"""Joints of h36m17 that coco17 does not have, and that are no mean of two joints."""
NO_PELVIS = [name for name in SKELETONS["mpii16"].joints if name != "Pelvis"]
SHAPE_M = np.random.default_rng(1).uniform(-0.8, 0.8, (17, 3))
"""What every network here gives for all people."""
JOINTS_PX, KEYPOINTS = make_clip(1).joints_img_px[0], np.random.default_rng(8).uniform(-0.3, 0.3, (17, 2))
"""Of two people in the boxes (2, 17, 2), and of one person at a depth of 1."""
EVERYTHING = list(range(17))
SCORES: Array = np.array([np.linspace(0.5, 0.9, 17)] * 2, dtype=np.float64)


def frame_model(features: int = 2, joints: int = 17, **parameters: Any) -> Any:
    """A RoleEngine of one frame that always gives SHAPE_M. features: of each of the joints it reads."""

    def answer(feeds: Tensors) -> Tensors:
        return {"joints": SHAPE_M.astype(np.float32)[None].repeat(len(feeds["keypoints"]), axis=0)}

    entry = lifter_entry("lifter_frame", 1, input_features=features, **parameters)
    return RoleEngine(frame_engine(answer, features, joints), entry)


def test_lifted_joints_have_the_scores_and_keypoints_of_their_origins() -> None:
    lifted = Lifter(frame_model(), COCO)(*seen(JOINTS_PX, SCORES))
    hips, at = [COCO.index_of["L_Hip"], COCO.index_of["R_Hip"]], H36M.index_of
    assert lifted.skeleton is H36M
    np.testing.assert_allclose(lifted.scores[0, at["Nose"]], SCORES[0, COCO.index_of["Nose"]])
    np.testing.assert_allclose(lifted.scores[0, at["Pelvis"]], SCORES[0, hips].min())
    np.testing.assert_allclose(lifted.scores[0, LACKING], SCORES[0].mean())
    np.testing.assert_allclose(lifted.joints_img_px[0, at["Pelvis"]], JOINTS_PX[0, hips].mean(axis=0))
    np.testing.assert_allclose(lifted.joints_img_px[0, at["R_Knee"]], JOINTS_PX[0, COCO.index_of["R_Knee"]])
    np.testing.assert_array_equal(np.isnan(lifted.joints_img_px).any(axis=-1), [LACKING, LACKING])
    np.testing.assert_allclose(relative_m(lifted), [SHAPE_M - SHAPE_M[H36M.root]] * 2, atol=1e-6)


@pytest.mark.parametrize("lost", ["nan", "score", "invalid"])
def test_joint_that_was_not_seen_stays_unknown(lost: str) -> None:
    joints, scores = JOINTS_PX.copy(), SCORES.copy()
    gone = [COCO.index_of["L_Hip"], COCO.index_of["Nose"]]
    joints[0, gone] = np.nan if lost == "nan" else 1e4
    scores[0, gone] = 0.0 if lost == "score" else 0.9
    frame, people = seen(joints, scores)
    people.valid[0, gone] = lost != "invalid"
    lifted = Lifter(frame_model(), COCO)(frame, people)
    # The pelvis is the mean of the hips: with one of them it is gone, with all that the camera says of it.
    unknown = np.array([name in ("Pelvis", "L_Hip", "Nose") for name in H36M.joints])
    np.testing.assert_array_equal(np.isnan(relative_m(lifted)[0]).any(axis=1), unknown)
    np.testing.assert_array_equal(lifted.valid[0], ~unknown)
    np.testing.assert_array_equal(np.isnan(lifted.joints_img_px[0]).any(axis=1), unknown | LACKING)
    assert lifted.valid[1].all()
    np.testing.assert_array_equal(lifted.scores[0, unknown], 0)
    np.testing.assert_allclose(lifted.scores[0, LACKING], np.delete(SCORES[0], gone).mean())


@pytest.fixture
def newest() -> Callable[[Array, list[int], int], Array]:
    """newest(keypoints, missing, frame) → what a network without scores reads of one person's newest frame (17, 2)."""
    model: Any = over_time("videopose3d")
    entry = attr.evolve(model.entry, parameters={**model.entry.parameters, "focal": 1.0})
    lifter = Lifter(replace(model, entry=entry), COCO)

    def read(keypoints: Array, missing: list[int], frame: int) -> Array:
        pixels = CAMERA.project(np.append(keypoints, np.ones((17, 1)), axis=1))
        pixels[missing] = np.nan
        lifter(*seen(pixels[None], SCORES[:1], stamp_ns=frame * STEP_NS))
        return np.asarray(model.engine.calls[-1]["keypoints"][0, 2], dtype=np.float64)

    return read


def test_joint_never_seen_is_at_the_mean_of_the_others(newest: Any) -> None:
    np.testing.assert_allclose(newest(KEYPOINTS, [5], 0)[5], np.delete(KEYPOINTS, 5, axis=0).mean(axis=0), atol=1e-6)


def test_missing_joint_moves_with_the_others(newest: Any) -> None:
    newest(KEYPOINTS, [5], 0)
    for frame in (1, 2):
        moved = KEYPOINTS + frame * np.array([0.05, -0.02])
        np.testing.assert_allclose(newest(moved, [3, 5], frame)[3], moved[3], atol=1e-6)


def test_missing_joints_move_with_the_mean_where_no_joint_is_in_both_frames(newest: Any) -> None:
    keypoints = np.zeros((17, 2))
    keypoints[:4] = [[0.0, 0.0], [0.2, 0.0], [0.3, 0.1], [0.5, 0.1]]
    newest(keypoints, EVERYTHING[2:], 0)
    found = newest(keypoints, [0, 1, *EVERYTHING[4:]], 1)
    np.testing.assert_allclose(found[:2], [[0.3, 0.1], [0.5, 0.1]], atol=1e-6)


def test_person_without_visible_joints_keeps_the_past(newest: Any) -> None:
    newest(KEYPOINTS, [], 0)
    np.testing.assert_allclose(newest(KEYPOINTS + 0.3, EVERYTHING, 1), KEYPOINTS, atol=1e-6)


def test_new_person_has_no_past(newest: Any) -> None:
    newest(KEYPOINTS + 0.1, [], 0)
    np.testing.assert_allclose(newest(KEYPOINTS, [3], 90)[3], np.delete(KEYPOINTS, 3, axis=0).mean(axis=0), atol=1e-6)
    np.testing.assert_array_equal(newest(KEYPOINTS, EVERYTHING, 180), 0)


def test_network_with_scores_gets_zeros_for_missing_joints() -> None:
    model = frame_model(3)
    joints = JOINTS_PX.copy()
    joints[0, 4] = np.nan
    Lifter(model, COCO)(*seen(joints, SCORES))
    keypoints = model.engine.calls[0]["keypoints"]
    np.testing.assert_array_equal(keypoints[0, 4], 0)
    np.testing.assert_allclose(keypoints[1, :, 2], SCORES[1], atol=1e-6)


def test_person_of_one_joint_is_unknown() -> None:
    scores = np.zeros((2, 17))
    scores[0, 0] = scores[1, 0] = scores[1, 1] = 0.8
    lifted = relative_m(Lifter(frame_model(), COCO)(*seen(JOINTS_PX, scores)))
    assert np.isnan(lifted[0]).all()
    assert np.isfinite(lifted[1, LACKING]).all()


def test_network_of_one_frame_has_no_past() -> None:
    model = frame_model()
    lifter = Lifter(model, COCO)
    lifter(*seen(JOINTS_PX, SCORES))
    joints = JOINTS_PX.copy()
    joints[0, 4] = np.nan
    lifter(*seen(joints, SCORES, stamp_ns=STEP_NS))
    read = model.engine.calls[1]["keypoints"][0]
    np.testing.assert_allclose(read[4], np.delete(read, 4, axis=0).mean(axis=0), atol=1e-6)


def test_unavailable_joints_are_named_in_the_error() -> None:
    with pytest.raises(EngineError, match=r"all joints of muco21.*coco17 without R_Hand, L_Hand, R_Toe, L_Toe"):
        Lifter(frame_model(joints=21, input_skeleton="muco21"), COCO)


def test_joints_of_human36m_are_derived_and_their_own_place_stays_unknown() -> None:
    model = frame_model(input_skeleton="h36m17", focal=1.0)
    lifted = Lifter(model, COCO)(*seen(JOINTS_PX, SCORES))
    read = model.engine.calls[0]["keypoints"]
    hips, shoulders = ([COCO.index_of[f"{side}_{joint}"] for side in "LR"] for joint in ("Hip", "Shoulder"))
    rays = CAMERA.rays(JOINTS_PX)[..., :2]
    spine = 0.503 * rays[:, hips].mean(axis=1) + 0.497 * rays[:, shoulders].mean(axis=1)
    np.testing.assert_allclose(read[:, H36M.index_of["Spine"]], spine, atol=1e-6)
    np.testing.assert_array_equal(np.isnan(lifted.joints_img_px).any(axis=-1), [LACKING, LACKING])
    assert lifted.valid.all()


def test_joints_derived_from_others_are_accepted() -> None:
    # MPII's pelvis is between the hips: a lifter that reads a pelvis can be given joints without one.
    given = replace(SKELETONS["mpii16"], name="hipless", joints=tuple(NO_PELVIS), root=0)
    model = frame_model(joints=16, input_skeleton="mpii16", focal=1.0)
    at = {name: i for i, name in enumerate(NO_PELVIS)}
    joints = np.zeros((1, len(NO_PELVIS), 2))
    joints[0, [at["L_Hip"], at["R_Hip"]]] = CAMERA.project(np.array([[0.1, 0.2, 1.0], [0.3, 0.4, 1.0]]))
    Lifter(model, given)(*seen(joints, np.ones((1, len(NO_PELVIS))), skeleton=given))
    pelvis = SKELETONS["mpii16"].index_of["Pelvis"]
    np.testing.assert_allclose(model.engine.calls[0]["keypoints"][0, pelvis], [0.2, 0.3], atol=1e-6)
