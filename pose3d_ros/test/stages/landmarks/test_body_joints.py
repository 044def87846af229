from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry.rays import rotation_to_rays
from pose3d_ros.stages.landmarks.body_joints import (
    BODY,
    LANDMARKS,
    MUCO,
    RegionLifter,
    body_joints_m,
    is_region_lifter,
    landmark_body,
)
from pose3d_ros.types import Array

from ...conftest import AnsweringEngine, Tensors, manifest_entry
from .conftest import reading, standing_m

NAMES = ["Nose", "L_Wrist"]


def entry(**changes: Any) -> Any:
    parameters = {"input": "region", "landmarks": NAMES, **changes.pop("parameters", {})}
    fields = {"roles": ("lifter",), "normalization": None, "skeleton": "muco21", "parameters": parameters}
    return manifest_entry(changes.pop("decoder", "lifter_frame"), **{**fields, **changes})


def lifter_engine(joints: Array) -> AnsweringEngine:
    def answer(feeds: Tensors) -> Tensors:
        return {"joints": np.tile(joints, (len(feeds["keypoints"]), 1, 1)).astype(np.float32)}

    return AnsweringEngine(answer, {"keypoints": ("b", 2, 3)}, {"joints": ("b", 21, 3)})


def of(body: Array, name: str) -> Array:
    joint: Array = body[0, BODY.index_of[name]]
    return joint


def test_landmarks_alone_give_the_whole_body() -> None:
    body = body_joints_m(standing_m()[None] + 5.0, None)
    assert body.shape == (1, 40, 3)
    np.testing.assert_allclose(of(body, "Pelvis"), 0.0, atol=1e-12)
    np.testing.assert_allclose(of(body, "L_Knee"), [0.1, 0.42, 0.0], atol=1e-9)
    np.testing.assert_allclose(of(body, "Thorax"), [0.0, -0.48, 0.0], atol=1e-9)
    np.testing.assert_allclose(of(body, "Spine"), [0.0, -0.24, 0.0], atol=1e-9)
    assert of(body, "Head_top")[1] < of(body, "Head")[1] < of(body, "Thorax")[1]


def test_joints_that_both_know_are_between_them() -> None:
    landmarks = standing_m()[None]
    lifted = landmark_body(landmarks)[:, [BODY.index_of[name] for name in MUCO.joints]]
    lifted[:, MUCO.index_of["L_Wrist"]] += [0.2, 0.0, 0.0]
    lifted[:, MUCO.index_of["L_Hand"]] += [0.2, 0.0, 0.0]
    body = body_joints_m(landmarks, lifted)
    raw = body_joints_m(landmarks, None)
    for name in ("L_Wrist", "L_Hand", "L_Index"):  # the lifter's hand and the landmarks' finger go with the wrist
        np.testing.assert_allclose(of(body, name) - of(raw, name), [0.14, 0.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(of(body, "R_Ankle"), of(raw, "R_Ankle"), atol=1e-9)


def test_agreeing_sources_change_nothing() -> None:
    landmarks = standing_m()[None]
    lifted = body_joints_m(landmarks, None)[:, [BODY.index_of[name] for name in MUCO.joints]]
    np.testing.assert_allclose(body_joints_m(landmarks, lifted), body_joints_m(landmarks, None), atol=1e-9)


def test_landmark_body_keeps_every_landmark() -> None:
    values = np.arange(33, dtype=np.float64)[None, :, None]
    body = landmark_body(values)
    np.testing.assert_array_equal(body[0, [BODY.index_of[name] for name in LANDMARKS.joints], 0], np.arange(33))
    assert np.isfinite(body).all()


def test_lifter_reads_the_crop_and_turns_the_joints_to_the_camera() -> None:
    joints = np.zeros((21, 3))
    joints[MUCO.root] = [1.0, 1.0, 1.0]
    joints[0] = [1.0, 1.0, 2.0]
    engine = lifter_engine(joints)
    turn = rotation_to_rays(np.array([1.0, 0.0, 1.0]))
    people = reading((300.0, 200.0))
    people.view2cam[0] = turn
    lifted = RegionLifter(RoleEngine(engine, entry()))(people)
    np.testing.assert_allclose(lifted[0, MUCO.root], 0.0, atol=1e-9)
    np.testing.assert_allclose(lifted[0, 0], turn @ [0.0, 0.0, 1.0], atol=1e-6)
    (feeds,) = engine.calls
    nose = people.points_crop_px[0, 0]
    np.testing.assert_allclose(feeds["keypoints"][0, 0], [*((nose - 127.5) / 128), 0.9], rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"decoder": "videopose3d"}, "decoder"),
        ({"parameters": {"input": "person"}}, "parameter input"),
        ({"parameters": {"landmarks": ["Nose", "Pelvis"]}}, "parameter landmarks"),
        ({"skeleton": "coco17"}, "skeleton"),
    ],
)
def test_other_lifters_are_errors(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(EngineError, match=what):
        RegionLifter(RoleEngine(lifter_engine(np.zeros((21, 3))), entry(**changes)))


def test_region_lifter_is_known_by_its_input() -> None:
    assert is_region_lifter(entry())
    assert not is_region_lifter(entry(parameters={"input": "person"}))
