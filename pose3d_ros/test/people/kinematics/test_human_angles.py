"""Inverse kinematics, checked by forward kinematics: the model at these angles has the measured joints."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.people.kinematics.human_angles import BodyPose, Points, body_pose, valid_points
from pose3d_ros.people.kinematics.human_model import BodySizes, links_in_body, turn
from pose3d_ros.people.kinematics.human_sizes import measured_sizes
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array

from .conftest import FACING, LINK_OF, random_body, seen, standing_body


def pose_of(points: Points) -> BodyPose:
    pose = body_pose(points)
    assert pose is not None
    return pose


def errors_m(points: Points, pose: BodyPose) -> dict[str, float]:
    """How far each joint is from the origin of its link."""
    sizes = BodySizes(*np.nan_to_num(measured_sizes(points, pose), nan=0.1).tolist())
    links = links_in_body(sizes, pose.angles_rad)
    return {
        joint: float(np.linalg.norm(pose.body2cam.apply(links[link].translation_m) - points[joint]))
        for joint, link in LINK_OF.items()
        if joint in points and link in links
    }


def test_standing_body_has_all_angles_zero() -> None:
    pose = pose_of(seen(standing_body()))
    np.testing.assert_allclose(pose.body2cam.rotation, FACING.rotation, atol=1e-12)
    np.testing.assert_allclose(pose.body2cam.translation_m, FACING.translation_m, atol=1e-12)
    for name in ("waist", "r_waist", "y_waist", "r_torso", "l_elbow", "r_knee", "l_r_hip", "l_y_hip", "r_p_hip"):
        assert pose.angles_rad[name] == pytest.approx(0.0, abs=1e-7), name
    assert len(pose.angles_rad) == 25


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**32 - 1))
def test_forward_kinematics_gives_every_joint_of_any_body_back(seed: int) -> None:
    points = random_body(seed)
    found = errors_m(points, pose_of(points))
    assert set(found) == set(LINK_OF)
    assert max(found.values()) < 1e-9


def moved(**places: tuple[float, float, float]) -> dict[str, Array]:
    return {**standing_body(), **{name: np.array(place) for name, place in places.items()}}


def test_forearm_forward_is_a_bent_elbow() -> None:
    pose = pose_of(seen(moved(L_Wrist=(0.25, 0.18, 0.25))))
    assert pose.angles_rad["l_elbow"] == pytest.approx(np.pi / 2)
    # A hanging arm has no direction: yaw and roll only matter together.
    assert pose.angles_rad["l_r_shoulder"] - pose.angles_rad["l_y_shoulder"] == pytest.approx(0.0, abs=1e-9)


def test_arm_raised_to_the_side() -> None:
    angles = pose_of(seen(moved(R_Elbow=(0.0, -0.48, 0.55), R_Wrist=(0.0, -0.73, 0.55)))).angles_rad
    assert (angles["r_p_shoulder"], angles["r_y_shoulder"]) == pytest.approx((np.pi / 2, 0.0))


def test_arm_a_little_across_the_body_is_no_half_turn() -> None:
    angles = pose_of(seen(moved(L_Elbow=(0.0, 0.15, 0.26), L_Wrist=(0.0, 0.12, 0.01)))).angles_rad
    assert -0.2 < angles["l_p_shoulder"] < 0.0
    assert angles["l_y_shoulder"] == pytest.approx(0.0, abs=1e-9)


def test_sitting_body() -> None:
    places = {
        f"{s}_{joint}": (x, sign * 0.1, z)
        for s, sign in (("L", 1.0), ("R", -1.0))
        for joint, x, z in (("Knee", 0.42, 0.0), ("Ankle", 0.42, -0.4))
    }
    angles = pose_of(seen(moved(**places))).angles_rad
    for side in "lr":
        assert angles[f"{side}_r_hip"] == pytest.approx(np.pi / 2)
        assert angles[f"{side}_knee"] == pytest.approx(-np.pi / 2)
        assert angles[f"{side}_y_hip"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("sideways_m", [-0.03, 0.0, 0.03])
@pytest.mark.parametrize("forward_m", [-0.03, 0.0, 0.03])
def test_shin_that_is_not_quite_straight_turns_no_hip(sideways_m: float, forward_m: float) -> None:
    points = seen(moved(L_Ankle=(forward_m, 0.1 + sideways_m, -0.82)))
    pose = pose_of(points)
    assert abs(pose.angles_rad["l_y_hip"]) < 0.1
    assert abs(pose.angles_rad["l_p_hip"]) < 0.1
    assert pose.angles_rad["l_r_knee"] == pytest.approx(np.arctan2(sideways_m, 0.4), abs=0.02)
    # Both shins are as long as their mean in the model.
    assert errors_m(points, pose)["L_Ankle"] < 0.003


def test_lean_twist_and_tilt_of_the_trunk() -> None:
    body = standing_body()
    lean = turn((1.0, 0.0, 0.0), 0.2)
    shoulders = turn((0.0, 0.0, 1.0), 0.3) @ turn((1.0, 0.0, 0.0), -0.1)
    for side, sign in (("L", 1.0), ("R", -1.0)):
        body[f"{side}_Shoulder"] = lean @ (np.array([0.0, 0.0, 0.55]) + shoulders @ [0.0, sign * 0.18, 0.0])
    angles = pose_of(seen(body)).angles_rad
    measured = [angles[name] for name in ("r_waist", "waist", "y_waist", "r_torso")]
    assert measured == pytest.approx([0.2, 0.0, 0.3, -0.1])


def test_bowing_body_has_its_z_axis_along_the_trunk() -> None:
    body = standing_body()
    bow = turn((0.0, 1.0, 0.0), 0.8)
    upper = {name: bow @ point for name, point in body.items() if point[2] > 0 or "Wrist" in name}
    pose = pose_of(seen({**body, **upper}))
    np.testing.assert_allclose(pose.body2cam.rotation, FACING.rotation @ bow, atol=1e-12)
    assert pose.angles_rad["l_r_hip"] == pytest.approx(0.8)


@pytest.mark.parametrize(("joint", "axis", "angle"), [("y_head", 2, 0.5), ("r_head", 0, -0.3), ("p_head", 1, -0.4)])
def test_head_turns_with_the_face(joint: str, axis: int, angle: float) -> None:
    body = standing_body()
    rotation = turn((0.0, -1.0, 0.0) if axis == 1 else (float(axis == 0), 0.0, float(axis == 2)), angle)
    pivot = np.array([0.0, 0.0, 0.6])
    for name in ("L_Eye", "R_Eye", "L_Ear", "R_Ear", "Nose"):
        body[name] = pivot + rotation @ (body[name] - pivot)
    angles = pose_of(seen(body)).angles_rad
    expected = {"y_head": 0.0, "r_head": 0.0, "p_head": 0.0, joint: angle}
    assert {name: angles[name] for name in expected} == pytest.approx(expected, abs=1e-9)


def test_head_without_a_face_points_to_its_middle() -> None:
    body = {name: point for name, point in standing_body().items() if "E" not in name or "Elbow" in name}
    body["Head_top"], body["Head"] = np.array([0.05, 0.1, 0.84]), np.array([0.05, 0.1, 0.66])
    pose = pose_of(seen(body))
    sizes = BodySizes(*measured_sizes(seen(body), pose).tolist())
    head = links_in_body(sizes, pose.angles_rad)["p_head"]
    np.testing.assert_allclose(head.apply(np.array([0.0, 0.0, sizes.head_up_m])), [0.05, 0.1, 0.75], atol=1e-9)
    assert pose.angles_rad["y_head"] == 0.0


@pytest.mark.parametrize(
    ("lost", "left_out"),
    [
        (["L_Wrist"], {"l_r_shoulder", "l_elbow"}),
        (["L_Elbow"], {"l_y_shoulder", "l_p_shoulder", "l_r_shoulder", "l_elbow"}),
        (["R_Ankle"], {"r_r_knee", "r_knee"}),
        (["R_Knee"], {"r_y_hip", "r_p_hip", "r_r_hip", "r_r_knee", "r_knee"}),
        (["L_Ear", "Head_top"], {"r_head", "y_head", "p_head"}),
    ],
)
def test_joints_that_are_not_measured_have_no_angles(lost: list[str], left_out: set[str]) -> None:
    everything = pose_of(seen(standing_body())).angles_rad
    some = pose_of({name: p for name, p in seen(standing_body()).items() if name not in lost}).angles_rad
    assert set(everything) - set(some) == left_out


def test_one_hip_is_lost() -> None:
    points = {name: point for name, point in seen(standing_body()).items() if name != "L_Hip"}
    assert body_pose(points) is None
    points["Pelvis"] = FACING.apply(np.zeros(3))
    pose = pose_of(points)
    np.testing.assert_allclose(pose.body2cam.rotation, FACING.rotation, atol=1e-12)
    assert "l_r_hip" not in pose.angles_rad
    assert "r_r_hip" in pose.angles_rad


@pytest.mark.parametrize("lost", ["L_Hip R_Hip", "L_Shoulder R_Shoulder"])
def test_body_without_a_trunk_has_no_frame(lost: str) -> None:
    assert body_pose({name: p for name, p in seen(standing_body()).items() if name not in lost.split()}) is None


def test_body_whose_joints_coincide_has_no_frame() -> None:
    assert body_pose({name: np.zeros(3) for name in standing_body()}) is None


def test_valid_points_are_those_with_values() -> None:
    skeleton = get_skeleton("coco17")
    joints_m = np.arange(51, dtype=np.float64).reshape(17, 3)
    joints_m[skeleton.index_of["L_Knee"]] = np.nan
    points = valid_points(joints_m, skeleton)
    assert "L_Knee" not in points
    hips = [skeleton.index_of[f"{side}_Hip"] for side in "LR"]
    np.testing.assert_allclose(points["Pelvis"], joints_m[hips].mean(axis=0))
    assert len(points) == 16 + 2
