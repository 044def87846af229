"""Lifters that also say where people are: what they read, and that the pipeline believes them."""

from __future__ import annotations

from typing import Any

import attr
import numpy as np
import pytest

from pose3d_ros.engines import RoleEngine
from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import SKELETONS
from pose3d_ros.stages.lift.lift_features import hip_features
from pose3d_ros.stages.lift.lifter import Lifter
from pose3d_ros.stages.pose.root_localization import localize
from pose3d_ros.types import Array

from ...conftest import AnsweringEngine, Tensors
from .conftest import CAMERA, COCO, lifter_entry, make_clip, seen

COMMON, MUPOTS = SKELETONS["common14"], SKELETONS["mupots17"]
JOINTS_M = np.random.default_rng(4).uniform(-0.5, 0.5, (17, 3)) + (0.3, -0.2, 4.0)
JOINTS_PX = make_clip(1).joints_img_px[0]
SCORES: Array = np.full((2, 17), 0.8)


def model(joints_m: Array = JOINTS_M, **parameters: Any) -> Any:
    """A lifter that always says these joints."""

    def answer(feeds: Tensors) -> Tensors:
        return {"joints": np.tile(joints_m, (len(feeds["keypoints"]), 1, 1)).astype(np.float32)}

    engine = AnsweringEngine(answer, {"keypoints": ("batch", 14, 3)}, {"joints": ("batch", 17, 3)})
    given = {"input_skeleton": "common14", "input_features": 3, "input": "hip", **parameters}
    return RoleEngine(engine, attr.evolve(lifter_entry("lifter_absolute", 1, **given), skeleton="mupots17"))


def test_features_by_hand() -> None:
    joints = np.array([[[0.1, 0.2], [0.3, 0.1], [0.4, 0.4], [np.nan, np.nan]]])
    features = hip_features(joints, [[0.9, 0.8, 0.05, 0.0]], (1000.0, 850.0), 0)
    expected = [[0.2, -0.1, 0.8], [-1.7, -2.0, 0.05], [-1.7, -2.0, 0.0], [0.1, 0.2, 0.9]]
    np.testing.assert_allclose(features, [expected], atol=1e-7)


def test_joints_and_root_are_the_engines() -> None:
    people = Lifter(model(), COCO)(*seen(JOINTS_PX, SCORES))
    found = localize(CAMERA, people, None, hip_centered=False)
    np.testing.assert_allclose(found.joints_cam_m, [JOINTS_M] * 2, atol=1e-6)
    np.testing.assert_allclose(found.root_cam_m, [JOINTS_M[MUPOTS.root]] * 2, atol=1e-6)


def test_person_whose_hips_are_not_seen_has_no_place() -> None:
    joints = JOINTS_PX.copy()
    joints[1, [COCO.index_of["L_Hip"], COCO.index_of["R_Hip"]]] = np.nan
    people = Lifter(model(), COCO)(*seen(joints, SCORES))
    found = localize(CAMERA, people, None, hip_centered=False)
    np.testing.assert_array_equal(np.isnan(found.root_cam_m).any(axis=1), [False, True])


def test_hidden_joint_is_read_as_hidden() -> None:
    joints, engine = JOINTS_PX.copy(), model()
    joints[0, COCO.index_of["L_Wrist"]] = np.nan
    people = Lifter(engine, COCO)(*seen(joints, SCORES))
    read = engine.engine.calls[0]["keypoints"]
    wrist = COMMON.index_of["L_Wrist"] - 1  # the hip is the last
    np.testing.assert_allclose(read[0, wrist], (-1700 / CAMERA.fx_px, -1700 / CAMERA.fy_px, 0.0), rtol=1e-6)
    assert not people.valid[0, MUPOTS.index_of["L_Wrist"]]


def test_place_behind_the_camera_is_none() -> None:
    people = Lifter(model(JOINTS_M * [1, 1, -1]), COCO)(*seen(JOINTS_PX, SCORES))
    assert np.isnan(localize(CAMERA, people, None, hip_centered=False).root_cam_m).all()


def test_hip_input_needs_scores() -> None:
    with pytest.raises(EngineError, match=r"parameter input_features .* expected 3, as the input is hip"):
        Lifter(model(input_features=2), COCO)
