"""A person as a camera sees them, in the common frame: rays, distances, deviations, other times and skeletons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.records import TrackState
from pose3d_ros.skeletons import convert, get_skeleton
from pose3d_ros.stages.multiview.camera_view import bodies_of

from .conftest import MUCO, Eye, body

JOINTS_M = body((0.3, -0.4))


def test_rays_go_through_the_joints_from_the_cameras_center(left: Eye) -> None:
    left = replace(left, noise_px=0.0)
    (found,) = bodies_of(left.view(0.0, left.person(4, JOINTS_M)), MUCO)
    assert found.key == ("left", 4)
    np.testing.assert_allclose(found.origin_m, left.at_m)
    towards = JOINTS_M - np.array(left.at_m)
    np.testing.assert_allclose(found.rays[:-1], towards / np.linalg.norm(towards, axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(found.ranges_m[-1], 1.08 * np.linalg.norm(towards[MUCO.root]), rtol=1e-6)
    np.testing.assert_allclose(found.points_m[-1], found.points_m[MUCO.root], atol=1e-9)


def test_another_time_moves_the_origin_and_widens_the_rays(left: Eye) -> None:
    (now,) = bodies_of(left.view(0.0, left.person(1, JOINTS_M, (0.0, 2.0, 0.0))), MUCO)
    later = now.moved(0.1, now.velocity_mps)
    np.testing.assert_allclose(later.points_m - now.points_m, np.tile([0.0, 0.2, 0.0], (22, 1)), atol=1e-9)
    assert (later.sigmas_rad > now.sigmas_rad).all()


def test_unsure_joints_have_wider_rays(left: Eye) -> None:
    person = left.person(1, JOINTS_M)
    scores = person.pose.scores.copy()
    scores[3] = 0.1
    (found,) = bodies_of(left.view(0.0, replace(person, pose=replace(person.pose, scores=scores))), MUCO)
    assert found.sigmas_rad[3] > 2 * np.delete(found.sigmas_rad, 3).max()


def test_a_joint_without_a_pixel_has_the_ray_of_its_place(left: Eye) -> None:
    person = left.person(1, JOINTS_M)
    pixels = person.pose.joints_img_px.copy()
    pixels[5] = np.nan
    (found,) = bodies_of(left.view(0.0, replace(person, pose=replace(person.pose, joints_img_px=pixels))), MUCO)
    np.testing.assert_allclose(found.points_m[5], left.cam2common.apply(person.pose.joints_cam_m[5]), atol=1e-9)


def test_lost_people_are_left_out_and_predicted_ones_are_not_seen(left: Eye) -> None:
    people = [left.person(at, JOINTS_M, state=state) for at, state in enumerate(TrackState, 1)]
    found = bodies_of(left.view(0.0, *people), MUCO)
    assert [(one.key[1], one.is_seen) for one in found] == [(1, True), (2, True), (3, False)]


def test_without_a_deviation_people_may_be_of_any_size(left: Eye) -> None:
    person = left.person(1, JOINTS_M)
    (found,) = bodies_of(left.view(0.0, replace(person, pose=replace(person.pose, root_sigma_m=float("nan")))), MUCO)
    assert found.range_sigma_m == pytest.approx(0.08 * found.ranges_m[-1])


def test_the_root_is_the_skeletons(left: Eye) -> None:
    coco = get_skeleton("coco17")
    person = left.person(1, np.nan_to_num(convert(JOINTS_M, MUCO, coco), nan=1.0), skeleton=coco)
    (found,) = bodies_of(left.view(0.0, person), MUCO)
    hips = person.pose.joints_cam_m[[coco.index_of["L_Hip"], coco.index_of["R_Hip"]]].mean(axis=0)
    np.testing.assert_allclose(found.person.pose.root_cam_m, hips)
