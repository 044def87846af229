"""Wrong poses of cameras are noticed, with their size; right ones, and people of unusual size, are no alarm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.stages.multiview.camera_fusion import CameraFusion
from pose3d_ros.stages.multiview.camera_view import CameraView
from pose3d_ros.stages.multiview.extrinsics_check import Disagreement

from .conftest import MUCO, RATE_HZ, Eye, body


@pytest.fixture(autouse=True)
def _usual_errors(left: Eye, right: Eye) -> None:
    left.factor, right.factor = 1.06, 1.02


def walk_about(
    left: Eye, right: Eye, believed: RigidTransform, *, seconds: float = 40.0, count: int = 1
) -> tuple[Disagreement, ...]:
    """What is found when people walk about in circles and the right camera's pose is believed to be that."""
    fusion = CameraFusion()
    for frame in range(round(seconds * RATE_HZ)):
        at_s = frame / RATE_HZ
        views: list[CameraView] = []
        for eye in (left, right):
            people = []
            for number in range(1, count + 1):
                angle = 0.6 * at_s + 2.1 * number
                joints = body((np.cos(angle), np.sin(angle)), angle + np.pi / 2, number + frame // 3)
                people.append(eye.person(number, joints, (-0.6 * np.sin(angle), 0.6 * np.cos(angle), 0.0)))
            views.append(eye.view(at_s, *people))
        views[1] = replace(views[1], cam2common=believed)
        fusion.update(views, round(at_s * 1e9), MUCO)
    return fusion.disagreements()


def turned(eye: Eye, degrees: float, up_m: float = 0.0) -> RigidTransform:
    """The camera's pose with an error: turned about the vertical, moved up."""
    true = eye.cam2common
    turn = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    return RigidTransform(turn @ true.rotation, true.translation_m + (0.0, 0.0, up_m))


def test_right_poses_are_no_disagreement(left: Eye, right: Eye) -> None:
    assert walk_about(left, right, right.cam2common, count=3) == ()


def test_people_of_unusual_size_are_no_disagreement(left: Eye, right: Eye) -> None:
    left, right = replace(left, factor=1.12), replace(right, factor=1.12)
    assert walk_about(left, right, right.cam2common) == ()


def test_a_camera_that_is_higher_than_it_says(left: Eye, right: Eye) -> None:
    (found,) = walk_about(left, right, turned(right, 0.0, up_m=0.15))
    assert (found.one, found.other) == ("left", "right")
    assert found.distance_m == pytest.approx(0.15, rel=0.35)


def test_a_camera_that_is_turned(left: Eye, right: Eye) -> None:
    """By so much that the person is two people; part of it may be the person's size."""
    (found,) = walk_about(left, right, turned(right, 16.0))
    assert 4.0 < found.angle_deg < 18.0


def test_nothing_is_said_too_soon(left: Eye, right: Eye) -> None:
    assert walk_about(left, right, turned(right, 0.0, up_m=0.3), seconds=4.0) == ()
