"""One person from several views: exact, noisy, with wrong joints, from nearly one place, through a fisheye lens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.stages.multiview.body_fusion import FusedBody, fuse_body
from pose3d_ros.stages.multiview.camera_view import BodyRays, bodies_of
from pose3d_ros.types import Array

from .conftest import FISHEYE, MUCO, Eye, body

JOINTS_M = body((0.3, -0.4))
WRIST = MUCO.index_of["L_Wrist"]


def seen(eye: Eye, joints_m: Array = JOINTS_M) -> BodyRays:
    (found,) = bodies_of(eye.view(0.0, eye.person(1, joints_m)), MUCO)
    return found


def off_m(found: FusedBody) -> Array:
    return np.asarray(np.linalg.norm(found.joints_m - JOINTS_M, axis=1))


def test_two_cameras_with_wrong_distances_give_the_right_place(left: Eye, right: Eye) -> None:
    for eye in (left, right):
        assert off_m(fuse_body([seen(eye)])).min() > 0.25
    found = fuse_body([seen(left), seen(right)])
    assert off_m(found).max() < 0.05
    assert np.linalg.norm(found.root_m - JOINTS_M[MUCO.root]) < 0.03
    assert (found.views == 2).all()


def test_corrections_are_what_each_camera_errs_by(left: Eye, right: Eye) -> None:
    bodies = [seen(left), seen(right)]
    true_m = [np.linalg.norm(JOINTS_M[MUCO.root] - eye.at_m) for eye in (left, right)]
    wrong_m = [true * (1.0 - eye.factor) for true, eye in zip(true_m, (left, right), strict=True)]
    np.testing.assert_allclose(fuse_body(bodies).corrections_m, wrong_m, atol=0.04)


def test_one_camera_is_taken_as_it_is(left: Eye) -> None:
    one = seen(left)
    found = fuse_body([one])
    np.testing.assert_allclose(found.joints_m, left.cam2common.apply(one.person.pose.joints_cam_m), atol=1e-9)
    np.testing.assert_allclose(found.root_m, left.cam2common.apply(one.person.pose.root_cam_m), atol=1e-9)
    ray = one.rays[-1]
    assert np.sqrt(ray @ found.root_covariance_m2 @ ray) == pytest.approx(one.range_sigma_m)


def test_nearly_one_place_says_no_more_than_one_camera(left: Eye) -> None:
    """With a baseline of a millimetre the distance stays what the cameras say, and as uncertain."""
    beside = replace(left, name="beside", at_m=(-4.0, -2.001, 1.5))
    alone, both = fuse_body([seen(left)]), fuse_body([seen(left), seen(beside)])
    assert np.linalg.norm(both.root_m - alone.root_m) < 0.03
    ray = seen(left).rays[-1]
    sigmas = [float(np.sqrt(ray @ found.root_covariance_m2 @ ray)) for found in (alone, both)]
    assert sigmas[1] == pytest.approx(sigmas[0], rel=0.1)


def test_the_covariance_is_small_only_where_rays_cross_well(left: Eye, right: Eye) -> None:
    near = replace(left, name="near", at_m=(-4.0, -1.6, 1.5))
    wide, narrow = (fuse_body([seen(left), seen(other)]) for other in (right, near))
    assert np.sqrt(np.linalg.eigvalsh(wide.root_covariance_m2)[-1]) < 0.08
    assert np.linalg.eigvalsh(narrow.root_covariance_m2)[-1] > 3 * np.linalg.eigvalsh(wide.root_covariance_m2)[-1]


def test_a_joint_that_one_camera_has_elsewhere_is_taken_from_the_surer_one(left: Eye, right: Eye) -> None:
    wrong = JOINTS_M.copy()
    wrong[WRIST] += (0.0, 0.0, 0.6)
    person = left.person(1, wrong)
    scores = person.pose.scores.copy()
    scores[WRIST] = 0.5
    (unsure,) = bodies_of(left.view(0.0, replace(person, pose=replace(person.pose, scores=scores))), MUCO)
    found = fuse_body([unsure, seen(right)])
    assert found.views[WRIST] == 1
    assert found.scores[WRIST] == pytest.approx(0.9)
    assert off_m(found)[WRIST] < 0.1  # its distance is corrected by the other joints
    assert np.delete(found.views, WRIST).min() == 2


def test_of_three_cameras_the_one_that_disagrees_is_left_out(left: Eye, right: Eye) -> None:
    third = Eye("third", (4.0, 1.0, 1.8), factor=1.05)
    wrong = JOINTS_M.copy()
    wrong[WRIST] += (0.0, 0.0, 0.6)
    found = fuse_body([seen(left, wrong), seen(right), seen(third)])
    assert found.views[WRIST] == 2
    assert off_m(found)[WRIST] < 0.04


def test_a_joint_that_one_camera_does_not_see_is_from_the_other(left: Eye, right: Eye) -> None:
    lost = JOINTS_M.copy()
    lost[WRIST] = np.nan
    found = fuse_body([seen(left, lost), seen(right)])
    assert found.views[WRIST] == 1
    assert off_m(found)[WRIST] < 0.1
    nobody = fuse_body([seen(left, lost), seen(right, lost)])
    assert np.isnan(nobody.joints_m[WRIST]).all()
    assert (nobody.views[WRIST], nobody.scores[WRIST]) == (0, 0.0)


def test_rays_go_through_the_lens(left: Eye, right: Eye) -> None:
    wide = replace(left, camera=FISHEYE)
    assert off_m(fuse_body([seen(wide), seen(right)])).max() < 0.06
