"""Groups of ground-truth people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.evaluation.metrics.splits import groups_of, posture_of
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Detection, Person

from ...conftest import MUCO, gait_joints_m, person_at

CAMERA = Camera.from_hfov(60.0, 640, 480)
UP = np.array([0.0, -1.0, 0.0])


def turned(degrees: float) -> Person:
    """A person whose whole body leans by so much."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return person_at(1, gait_joints_m(0.0, 0.0) @ turn.T + [0, 0, 4.0], CAMERA)


def seated() -> Person:
    """A person whose knees are in front of the hips."""
    joints = gait_joints_m(0.0, 0.0) + [0, 0, 4.0]
    for side in "LR":
        joints[MUCO.index_of[f"{side}_Knee"]] = joints[MUCO.index_of[f"{side}_Hip"]] + [0, 0.1, -0.4]
    return person_at(1, joints, CAMERA)


def test_posture_is_by_trunk_and_thighs() -> None:
    assert [posture_of(turned(d), UP) for d in (0, 40, 80)] == ["upright", "bent", "lying"]
    assert posture_of(seated(), UP) == "sitting"
    assert posture_of(turned(40), GroundPlane.of_mounting(1.0, 0.0, 0.0).up_cam) == "bent"
    lost = turned(0)
    lost.pose.joints_cam_m[MUCO.index_of["L_Knee"]] = np.nan
    assert posture_of(lost, UP) == ""


@pytest.mark.parametrize(
    ("box", "truncated"),
    [((0, 0, 100, 100), "none"), ((-10, 0, 90, 100), "below 25%"), ((590, 400, 690, 500), "25% or more")],
)
def test_groups_are_by_distance_visible_share_and_box(box: tuple[float, ...], truncated: str) -> None:
    person = turned(0)
    pose = replace(person.pose, detection=Detection(np.array(box, dtype=float), 1.0))
    found = groups_of(replace(person, pose=pose, score=0.6), CAMERA)
    assert found == {"distance": "3–5 m", "visible": "50–90%", "truncated": truncated, "posture": "upright"}


def test_what_is_not_known_is_in_no_group() -> None:
    person = turned(0)
    pose = replace(person.pose, root_cam_m=np.full(3, np.nan), joints_cam_m=np.full((21, 3), np.nan))
    assert groups_of(replace(person, pose=pose), None) == {"visible": "90% or more"}
