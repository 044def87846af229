from __future__ import annotations

from dataclasses import replace

import numpy as np

from pose3d_ros.config.settings import PoseConfig
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Detection, Frame
from pose3d_ros.stages.landmarks.body_joints import BODY, LANDMARKS, MUCO, landmark_body
from pose3d_ros.stages.landmarks.landmark_calibration import LandmarkCalibration
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.stages.landmarks.landmark_placing import place, poses_of, whole_boxes
from pose3d_ros.stages.landmarks.learned_distance import LearnedDistances

from .conftest import reading, standing_m

CAMERA = Camera.from_hfov(60.0, 640, 480)
FRAME = Frame(np.full((480, 640, 3), 90, dtype=np.uint8), CAMERA, 0)
ROOT_M = np.array([0.5, 0.1, 4.0])


def seen() -> Landmarks:
    """Somebody at ROOT_M, seen exactly."""
    points = CAMERA.project(ROOT_M + standing_m())
    return replace(reading((0.0, 0.0)), points_img_px=points[None])


def detection() -> Detection:
    return Detection(np.array([0.0, 0.0, 10.0, 10.0]), 0.8)


def test_an_exact_reading_is_placed_exactly() -> None:
    placed = place(FRAME, seen(), None)
    np.testing.assert_allclose(placed.root_cam_m[0], ROOT_M, atol=1e-6)
    knee = BODY.index_of["L_Knee"]
    np.testing.assert_allclose(placed.joints_cam_m[0, knee], ROOT_M + [0.1, 0.42, 0.0], atol=1e-6)
    np.testing.assert_allclose(placed.joints_img_px[0], CAMERA.project(placed.joints_cam_m[0]), atol=1e-3)


def test_the_solver_that_is_named_places_people_and_signs_the_reading() -> None:
    exact, approximate = (place(FRAME, seen(), None, solver=name) for name in ("search", "weak_perspective"))
    np.testing.assert_allclose(exact.root_cam_m[0], ROOT_M, atol=1e-3)
    assert 1e-3 < np.linalg.norm(approximate.root_cam_m[0] - ROOT_M) < 0.3
    ((reading,),) = exact.readings(LearnedDistances.unknown(1))
    assert reading.solver == "search"


def test_near_people_are_less_sure() -> None:
    placed = place(FRAME, seen(), None)
    nearer = replace(placed, root_cam_m=placed.root_cam_m / 3)
    ((far,),), ((near,),) = (people.readings(LearnedDistances.unknown(1)) for people in (placed, nearer))
    assert near.sigma > 1.5 * far.sigma


def test_hidden_landmarks_say_little_about_the_root() -> None:
    people = seen()
    feet = [LANDMARKS.index_of[f"{s}_{name}"] for s in "LR" for name in ("Knee", "Ankle", "Heel", "Toe")]
    people.points_img_px[0, feet] += 40.0
    people.visibility[0, feet] = 0.001
    assert np.linalg.norm(place(FRAME, people, None).root_cam_m[0] - ROOT_M) < 0.05


def test_box_holds_crown_and_toes() -> None:
    placed = place(FRAME, seen(), None)
    x0, y0, x1, y1 = placed.boxes_xyxy_px[0]
    crown, toe = (placed.joints_img_px[0, BODY.index_of[name]] for name in ("Head_top", "L_Toe"))
    height = y1 - y0
    assert y0 < crown[1] < y0 + 0.05 * height
    assert y1 - 0.05 * height < toe[1] < y1
    assert x0 < placed.joints_img_px[0, :, 0].min() < placed.joints_img_px[0, :, 0].max() < x1


def test_box_ends_at_the_image() -> None:
    joints = np.tile([[-50.0, 100.0], [700.0, 500.0]], (1, 20, 1))
    np.testing.assert_allclose(whole_boxes(FRAME, joints), [[-0.5, 73.75, 639.5, 479.5]])


def test_poses_lack_joints_below_the_threshold() -> None:
    people = seen()
    wrist = LANDMARKS.index_of["L_Wrist"]
    people.visibility[0, wrist] = people.certainty[0, wrist] = 0.05
    (pose,) = poses_of(FRAME, place(FRAME, people, None), LearnedDistances.unknown(1), (detection(),), PoseConfig())
    assert np.isnan(pose.joints_cam_m[BODY.index_of["L_Wrist"]]).all()
    assert np.isfinite(pose.joints_cam_m[BODY.index_of["R_Wrist"]]).all()
    assert pose.root_sigma_m > 0
    assert pose.skeleton is BODY
    np.testing.assert_allclose(pose.clothes_lab[0, 0], 38, atol=3)  # gray


def test_calibration_says_how_sure_joints_and_roots_are() -> None:
    people = seen()
    body = landmark_body(people.relative_m)
    lifted = (body - body[:, BODY.root, None])[:, [BODY.index_of[joint] for joint in MUCO.joints]]
    calibration = LandmarkCalibration(np.zeros(40), np.array([1.0, 0.0, 0.0]), np.array([np.log(0.1), 0, 0, 0, 0]))
    placed = place(FRAME, people, lifted, calibration)
    np.testing.assert_allclose(placed.scores, 0.9)  # as visible as all landmarks are
    np.testing.assert_allclose(placed.sigmas, 0.1)
    (pose,) = poses_of(FRAME, placed, LearnedDistances.unknown(1), (detection(),), PoseConfig())
    assert pose.root_sigma_m is not None
    np.testing.assert_allclose(pose.root_sigma_m, 0.1 * np.linalg.norm(ROOT_M), rtol=1e-5)
    np.testing.assert_allclose(place(FRAME, people, None, calibration).sigmas, 0.08)


def test_people_without_a_depth_are_left_out() -> None:
    people = seen()
    one_place = replace(people, points_img_px=np.tile([100.0, 100.0], (1, 33, 1)))
    placed = place(FRAME, Landmarks.concatenated([one_place, people]), None)
    poses = poses_of(FRAME, placed, LearnedDistances.unknown(2), (detection(), detection()), PoseConfig())
    assert len(poses) == 1
    np.testing.assert_allclose(poses[0].root_cam_m, ROOT_M, atol=1e-6)
