"""Values worked by hand: a person in another frame, the box around the joints, the heading."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.people.placing import (
    Placed,
    heading_quaternion,
    heading_rad,
    image_box,
    is_optical,
    joint_box,
    place,
)
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array

COCO = get_skeleton("coco17")
CAM2LINK = RigidTransform(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.array([0.0, 0.0, 1.5]))
"""REP-103: a camera 1.5 m above its robot's origin that looks ahead."""


def person(sigma_m: float = 0.5) -> Person:
    """At (0, 0, 4) in the camera's frame, with two joints."""
    joints_m = np.full((len(COCO), 3), np.nan)
    joints_m[0], joints_m[1] = (0.5, -0.6, 3.75), (-0.25, 0.4, 4.5)
    box = Detection(np.array([10.0, 20.0, 40.0, 80.0]), 0.9)
    root_m, lost = np.array([0.0, 0.0, 4.0]), np.full((len(COCO), 2), np.nan)
    pose = Pose(root_m, joints_m, lost, np.ones(len(COCO)), COCO, box, sigma_m)
    return Person(1, TrackState.TRACKED, pose, np.array([1.0, 2.0, 3.0]), 0.9)


def test_person_stays_in_the_cameras_frame_without_a_transform() -> None:
    placed = place(person(), None)
    assert placed.root_m.tolist() == [0.0, 0.0, 4.0]
    assert placed.velocity_mps.tolist() == [1.0, 2.0, 3.0]
    assert placed.covariance_m2 is not None
    assert np.diag(placed.covariance_m2).tolist() == [0.0, 0.0, 0.25]


def test_person_is_moved_with_all_that_has_a_direction() -> None:
    placed = place(person(), CAM2LINK)
    assert placed.root_m.tolist() == [4.0, 0.0, 1.5]
    assert placed.velocity_mps.tolist() == [3.0, -1.0, -2.0]
    assert placed.joints_m[0].tolist() == pytest.approx([3.75, -0.5, 2.1])
    assert placed.from_root_m[0].tolist() == pytest.approx([-0.25, -0.5, 0.6])
    assert np.isnan(placed.joints_m[2]).all()
    assert placed.covariance_m2 is not None
    assert np.diag(placed.covariance_m2).tolist() == [0.25, 0.0, 0.0]


def test_covariance_that_is_unknown_stays_unknown() -> None:
    assert place(person(math.nan), CAM2LINK).covariance_m2 is None


def test_box_is_around_root_and_joints() -> None:
    center_m, size_m = joint_box(place(person(), None))
    assert center_m.tolist() == pytest.approx([0.125, -0.1, 4.125])
    assert size_m.tolist() == pytest.approx([0.75, 1.0, 0.75])


def test_box_of_who_has_no_joint_is_the_root() -> None:
    lost = Placed(np.array([1.0, 2.0, 3.0]), np.full((17, 3), np.nan), np.zeros(3), None)
    center_m, size_m = joint_box(lost)
    assert (center_m.tolist(), size_m.tolist()) == ([1.0, 2.0, 3.0], [0.0, 0.0, 0.0])


def test_box_in_the_image() -> None:
    center_px, size_px = image_box(person())
    assert (center_px.tolist(), size_px.tolist()) == ([25.0, 50.0], [30.0, 60.0])


@pytest.mark.parametrize(
    ("frame_id", "optical"),
    [
        ("camera_optical_frame", True),
        ("camera_color_optical_frame", True),
        ("head_optical", True),
        ("optical", True),
        ("odom", False),
        ("base_link", False),
        ("optical_table", False),
        ("nonoptical", False),
    ],
)
def test_optical_frames_are_known_by_name(frame_id: str, optical: bool) -> None:
    assert is_optical(frame_id) == optical


def body(left_to_right_m: tuple[float, float, float], pairs: str = "Shoulder Hip") -> Array:
    """Joints (17, 3) of shoulders and hips that lie along that line, others lost."""
    joints_m = np.full((len(COCO), 3), np.nan)
    for number, name in enumerate(pairs.split()):
        joints_m[COCO.index_of[f"L_{name}"]] = [5.0, 5.0, float(number)]
        joints_m[COCO.index_of[f"R_{name}"]] = np.array([5.0, 5.0, float(number)]) + left_to_right_m
    return joints_m


@pytest.mark.parametrize(
    ("left_to_right_m", "heading"),
    [
        ((0.0, -0.4, 0.0), 0.0),  # the left side is at +y: faces +x
        ((0.4, 0.0, 0.0), math.pi / 2),  # faces +y
        ((0.0, 0.4, 0.0), math.pi),
        ((-0.4, 0.0, 0.0), -math.pi / 2),
        ((0.3, -0.3, 0.3), math.pi / 4),  # one side lower
    ],
)
def test_heading_with_z_up(left_to_right_m: tuple[float, float, float], heading: float) -> None:
    found = heading_rad(body(left_to_right_m), COCO, optical=False)
    assert found is not None
    assert math.remainder(found - heading, 2 * math.pi) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("left_to_right_m", "heading"),
    [
        ((0.4, 0.0, 0.0), 0.0),  # seen from behind: faces away, as the camera does
        ((-0.4, 0.0, 0.0), math.pi),  # faces the camera
        ((0.0, 0.0, -0.4), -math.pi / 2),  # the right side is nearer: faces the image's right
    ],
)
def test_heading_in_an_optical_frame(left_to_right_m: tuple[float, float, float], heading: float) -> None:
    found = heading_rad(body(left_to_right_m), COCO, optical=True)
    assert found is not None
    assert math.remainder(found - heading, 2 * math.pi) == pytest.approx(0.0, abs=1e-9)


def test_shoulders_or_hips_are_enough() -> None:
    for pair in ("Shoulder", "Hip"):
        assert heading_rad(body((0.4, 0.0, 0.0), pair), COCO, optical=False) == pytest.approx(math.pi / 2)


@pytest.mark.parametrize("left_to_right_m", [(0.1, 0.0, 0.4), (0.0, 0.0, 0.4), (0.01, 0.01, 0.0), (0.0, 0.0, 0.0)])
def test_heading_of_who_lies_on_the_side_or_has_no_width_is_unknown(
    left_to_right_m: tuple[float, float, float],
) -> None:
    assert heading_rad(body(left_to_right_m), COCO, optical=False) is None


def test_heading_without_joints_is_unknown() -> None:
    assert heading_rad(np.full((len(COCO), 3), np.nan), COCO, optical=True) is None


@given(st.floats(-math.pi, math.pi))
def test_x_axis_points_where_the_person_faces_and_z_up(heading: float) -> None:
    level = RigidTransform.from_quaternion(heading_quaternion(heading, optical=False), (0, 0, 0)).rotation
    assert level[:, 0] == pytest.approx([math.cos(heading), math.sin(heading), 0.0], abs=1e-9)
    assert level[:, 2] == pytest.approx([0.0, 0.0, 1.0], abs=1e-9)
    optical = RigidTransform.from_quaternion(heading_quaternion(heading, optical=True), (0, 0, 0)).rotation
    assert CAM2LINK.rotate(optical.T) == pytest.approx(level.T, abs=1e-9)


@given(st.floats(-math.pi, math.pi))
def test_heading_is_the_same_in_either_frame(heading: float) -> None:
    across_m = 0.4 * np.array([math.sin(heading), -math.cos(heading), 0.0])
    joints_m = body((float(across_m[0]), float(across_m[1]), 0.0))
    level = heading_rad(joints_m, COCO, optical=False)
    optical = heading_rad(CAM2LINK.inverse().apply(joints_m), COCO, optical=True)
    assert level is not None
    assert optical is not None
    assert math.remainder(level - heading, 2 * math.pi) == pytest.approx(0.0, abs=1e-6)
    assert math.remainder(optical - heading, 2 * math.pi) == pytest.approx(0.0, abs=1e-6)


def test_unknown_heading_is_the_identity() -> None:
    assert heading_quaternion(None, optical=True) == (0.0, 0.0, 0.0, 1.0)
