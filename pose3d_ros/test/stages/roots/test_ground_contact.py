"""Distances from feet on the floor: exact for exact inputs, none for feet that do not carry or are not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Pose
from pose3d_ros.stages.roots.ground_contact import ground_reading

from .conftest import CAMERA, person_at

GROUND = GroundPlane.of_mounting(1.2)


def with_joint(pose: Pose, name: str, shift_m: tuple[float, float, float]) -> Pose:
    joints = pose.joints_cam_m.copy()
    joints[pose.skeleton.index_of[name]] += shift_m
    return replace(pose, joints_cam_m=joints, joints_img_px=CAMERA.project(joints))


@pytest.mark.parametrize("seen_at", [0.7, 1.0, 1.3])
@pytest.mark.parametrize("z_m", [3.0, 4.0, 8.0])
def test_person_is_where_the_feet_meet_the_floor(z_m: float, seen_at: float) -> None:
    found = ground_reading(person_at(z_m, seen_at=seen_at), CAMERA, GROUND)
    assert found is not None
    true_m = float(np.linalg.norm(person_at(z_m).root_cam_m))
    assert found.distance_m == pytest.approx(true_m, rel=1e-6)
    assert found.solver == "ground"
    assert not found.by_size


def test_uncertainty_grows_towards_the_horizon() -> None:
    sigmas = [ground_reading(person_at(z_m), CAMERA, GROUND) for z_m in (3.0, 5.0, 10.0, 20.0)]
    values = [found.sigma for found in sigmas if found is not None]
    assert len(values) == 4
    assert values[1:] == sorted(values[1:])
    assert max(values[:2]) < 0.06
    assert values[-1] > 0.12


def test_foot_in_the_air_is_left_out() -> None:
    striding = with_joint(with_joint(person_at(4.0), "L_Ankle", (0, -0.15, 0.1)), "L_Toe", (0, -0.1, 0.1))
    found = ground_reading(striding, CAMERA, GROUND)
    assert found is not None
    assert found.distance_m == pytest.approx(float(np.linalg.norm(striding.root_cam_m)), rel=1e-6)


def test_feet_that_are_not_sure_count_less() -> None:
    exact = GroundPlane.of_normal([0, -1, 0], 1.2, height_sigma_m=0.0, tilt_sigma_rad=0.0)
    pose = person_at(12.0)
    sure, unsure = (ground_reading(replace(pose, scores=score * pose.scores), CAMERA, exact) for score in (0.8, 0.32))
    assert sure is not None
    assert unsure is not None
    assert unsure.sigma > 1.5 * sure.sigma


def test_someone_in_the_air_seems_too_far_away() -> None:
    found = ground_reading(person_at(4.0, lifted_m=0.3), CAMERA, GROUND)
    assert found is not None
    assert found.distance_m > 1.2 * 4.0


def test_people_who_sit_or_lie_are_not_put_on_their_feet() -> None:
    sitting = person_at(4.0)
    for side in "LR":
        for joint in ("Knee", "Ankle", "Toe"):
            sitting = with_joint(sitting, f"{side}_{joint}", (0, -0.4, -0.4))
    assert ground_reading(sitting, CAMERA, GROUND) is None


def test_feet_that_the_image_cuts_or_that_are_not_seen_say_nothing() -> None:
    assert ground_reading(person_at(1.2), CAMERA, GROUND) is None  # too near: the feet are below the image
    pose = person_at(4.0)
    hidden = pose.scores.copy()
    hidden[[pose.skeleton.index_of[f"{s}_{part}"] for s in "LR" for part in ("Ankle", "Toe")]] = 0.1
    assert ground_reading(replace(pose, scores=hidden), CAMERA, GROUND) is None


def test_feet_over_the_horizon_say_nothing() -> None:
    assert ground_reading(person_at(4.0, height_m=0.02), CAMERA, GroundPlane.of_mounting(0.02)) is None


def test_joints_that_were_not_found_say_nothing() -> None:
    pose = person_at(4.0)
    unknown = replace(pose, joints_cam_m=np.full_like(pose.joints_cam_m, np.nan))
    assert ground_reading(unknown, CAMERA, GROUND) is None
