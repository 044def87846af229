from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose3d_ros.config.settings import PoseConfig
from pose3d_ros.engines import BackendChoice, Manifest
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.engines.images.frame_image import HostImage
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.records import Detection, Frame, Pose
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.proposals import Proposals
from pose3d_ros.stages.second_opinion import (
    Doubts,
    SecondOpinion,
    next_regions,
    second_opinion,
    unread,
    without_doubles,
)
from pose3d_ros.types import Array

from ..conftest import AnsweringEngine, Tensors, manifest_entry
from .landmarks.conftest import LANDMARKS, reading

MUCO = get_skeleton("muco21")
FRAME = Frame(np.zeros((480, 640, 3), dtype=np.uint8), Camera.from_hfov(60.0, 640, 480), 0)
IMAGE = HostImage(FRAME.image_bgr)
MIDDLE_PX = (300.0, 240.0)
ROOT = manifest_entry("root_pose_metric", name="root_pose", skeleton="muco21", input_size_px=(64, 64))


def joints_crop_px(shift_px: float = 0.0) -> Array:
    """Where the joints of `reading` at MIDDLE_PX lie in the 64 px crop of BOX."""
    points = reading(MIDDLE_PX).points_img_px[0]
    names = [name if name in LANDMARKS.index_of else "L_Hip" for name in MUCO.joints]
    at = points[[LANDMARKS.index_of[name] for name in names]] + shift_px
    side, corner = 200.0 * 1.25, np.array(MIDDLE_PX) - 125.0
    crop: Array = (at - corner) / side * 64 - 0.5
    return crop


BOX = np.array([[MIDDLE_PX[0] - 100, MIDDLE_PX[1] - 100, MIDDLE_PX[0] + 100, MIDDLE_PX[1] + 100]])


def opinion(score: float = 0.6, shift_px: float = 0.0, calls: list[Any] | None = None) -> SecondOpinion:
    def answer(feeds: Tensors) -> Tensors:
        n = len(feeds["image"])
        if calls is not None:
            calls.append(n)
        return {
            "joints_crop_px": np.tile(joints_crop_px(shift_px), (n, 1, 1)).astype(np.float32),
            "relative_depth_m": np.zeros((n, 21), dtype=np.float32),
            "joint_scores": np.full((n, 21), score, dtype=np.float32),
            "root_depth_m": np.full(n, 4.0, dtype=np.float32),
            "root_log_sigma": np.full(n, -2.0, dtype=np.float32),
        }

    outputs = {"joints_crop_px": ("b", 21, 2), "relative_depth_m": ("b", 21), "joint_scores": ("b", 21)}
    engine = AnsweringEngine(answer, {"image": ("b", 3, 64, 64), "k_m": ("b",)}, outputs)
    opened = EngineSet(Manifest(Path("."), (ROOT,)), BackendChoice("onnxruntime", "a test"), opener=lambda _: engine)
    found = second_opinion(opened, PoseConfig(flip_test=False))
    assert found is not None
    return found


def test_who_both_nets_see_gets_the_other_nets_pose() -> None:
    (pose,) = opinion()(FRAME, IMAGE, Doubts(reading(MIDDLE_PX), BOX))
    assert pose is not None
    assert pose.skeleton.name == "body40"
    assert pose.detection.score == pytest.approx(0.6)
    np.testing.assert_array_equal(pose.detection.box_xyxy_px, BOX[0])
    np.testing.assert_allclose(pose.root_cam_m[2], 4.0)
    knee = pose.skeleton.index_of["L_Knee"]
    expected = reading(MIDDLE_PX).points_img_px[0, LANDMARKS.index_of["L_Knee"]]
    np.testing.assert_allclose(pose.joints_img_px[knee], expected, atol=0.01)


@pytest.mark.parametrize("changes", [{"score": 0.2}, {"shift_px": 80.0}])
def test_nobody_where_the_other_net_is_unsure_or_sees_another(changes: dict[str, Any]) -> None:
    assert opinion(**changes)(FRAME, IMAGE, Doubts(reading(MIDDLE_PX), BOX)) == [None]


@pytest.mark.parametrize(("score", "chance", "there"), [(0.6, 0.9, True), (0.6, 0.8, False), (0.4, 1.0, False)])
def test_where_nothing_was_read_both_have_to_be_likely(score: float, chance: float, there: bool) -> None:
    doubts = Doubts(reading(), BOX, np.array([chance]))
    (pose,) = opinion(score, shift_px=20.0)(FRAME, IMAGE, doubts)
    assert (pose is not None) == there
    assert pose is None or pose.detection.score == pytest.approx(score * chance)


def test_chances_are_those_of_the_places_behind_the_readings() -> None:
    nothing = np.zeros((1, 4))
    doubts = Doubts(reading(MIDDLE_PX), np.concatenate([BOX, nothing, BOX, BOX]), np.array([1.0, 0.5, 1.0]))
    scores = [pose and pose.detection.score for pose in opinion()(FRAME, IMAGE, doubts)]
    assert scores == [pytest.approx(0.6), None, None, pytest.approx(0.6)]


def test_unread_are_the_lost_and_the_sure_boxes_of_no_pose() -> None:
    (pose,) = opinion()(FRAME, IMAGE, Doubts(reading(MIDDLE_PX), BOX))
    assert pose is not None
    beside = BOX[0] + [80, 0, 80, 0]  # IoU 120 / 280 with the pose's box
    found = [Detection(beside, 0.9), Detection(BOX[0] + 1, 0.8), Detection(BOX[0] + 300, 0.4)]
    boxes, chances = unread(Proposals.of_detections(found), Regions.empty(), FRAME.camera, [pose])
    np.testing.assert_array_equal(boxes, [beside])  # one box is the pose's, one is not sure
    assert chances.tolist() == [0.9]
    small = Proposals.of_detections([Detection(beside * 0.2, 0.9)])
    assert len(unread(small, Regions.empty(), FRAME.camera, [])[0]) == 0
    lost = Regions(np.array([[50.0, 200.0]]), np.array([250.0]), np.zeros(1))
    boxes, chances = unread(Proposals.of_detections(found[:1]), lost, FRAME.camera, [])
    np.testing.assert_allclose(boxes, [[-0.5, 100.0, 150.0, 300.0], beside])
    assert chances.tolist() == [1.0, 0.9]


def test_who_was_read_nowhere_is_looked_for_about_the_hips() -> None:
    people, places = reading((500.0, 100.0)), np.concatenate([BOX, BOX])
    doubts = Doubts(people, np.concatenate([np.zeros((1, 4)), places]), np.ones(2))
    poses = [pose for pose in opinion(shift_px=4.0)(FRAME, IMAGE, doubts) if pose is not None]
    poses[1] = replace(poses[1], joints_img_px=np.full_like(poses[1].joints_img_px, np.nan))
    regions = next_regions(doubts, [0, 1, 2], [poses[0], *poses])
    hips_px = poses[0].joints_img_px[poses[0].skeleton.root]
    assert not np.allclose(hips_px, MIDDLE_PX)
    np.testing.assert_allclose(regions.centers_px, [(500.0, 100.0), hips_px, MIDDLE_PX])
    np.testing.assert_allclose(regions.sides_px, [240.0, 250.0, 250.0])
    assert len(next_regions(doubts, [], [])) == 0


def test_places_without_an_area_are_not_looked_at() -> None:
    calls: list[Any] = []
    people = reading(MIDDLE_PX, MIDDLE_PX)
    poses = opinion(calls=calls)(FRAME, IMAGE, Doubts(people, np.concatenate([np.zeros((1, 4)), BOX])))
    assert [pose is None for pose in poses] == [True, False]
    assert calls == [1]
    assert opinion()(FRAME, IMAGE, Doubts(people, np.zeros((2, 4)))) == [None, None]


def test_only_a_root_net_that_gives_poses_has_an_opinion() -> None:
    lacking = EngineSet(Manifest(Path("."), ()), BackendChoice("onnxruntime", "a test"))
    assert second_opinion(lacking, PoseConfig()) is None
    other = manifest_entry("3dmppe_rootnet", name="root", roles=("root",), input_size_px=(64, 64))
    assert second_opinion(opened_with(other), PoseConfig()) is None


def opened_with(*entries: Any) -> EngineSet:
    return EngineSet(Manifest(Path("."), entries), BackendChoice("onnxruntime", "a test"))


def test_doubles_are_left_out_the_surest_first() -> None:
    (pose,) = opinion()(FRAME, IMAGE, Doubts(reading(MIDDLE_PX), BOX))
    assert pose is not None

    def at(shift_px: float, score: float) -> Pose:
        box = pose.detection.box_xyxy_px + shift_px
        return replace(pose, joints_img_px=pose.joints_img_px + shift_px, detection=Detection(box, score))

    assert without_doubles([], [at(0, 0.4), None, at(2, 0.6), at(150, 0.5)]) == [2, 3]
    assert without_doubles([at(1, 0.9)], [at(0, 0.4), at(150, 0.5)]) == [1]
    assert without_doubles([pose], [None]) == []


def test_leg_is_no_person_beside_its_own() -> None:
    (pose,) = opinion()(FRAME, IMAGE, Doubts(reading(MIDDLE_PX), BOX))
    assert pose is not None
    knee, ankle = (pose.joints_img_px[pose.skeleton.index_of[name]] for name in ("L_Knee", "L_Ankle"))
    along = np.linspace(0.0, 1.0, len(pose.joints_img_px))[:, None]
    leg = replace(pose, joints_img_px=knee + along * (ankle - knee))
    assert without_doubles([pose], [leg]) == []
    beside = replace(leg, joints_img_px=leg.joints_img_px + [60.0, 0.0])
    assert without_doubles([pose], [beside]) == [0]
