"""Distances from a depth image: skin before the joints, holes, edges and things in front."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.geometry import Camera
from pose3d_ros.records import DepthImage
from pose3d_ros.stages.roots.depth_reading import SKIN_M, depth_reading, is_aligned, patch_depths

from .conftest import CAMERA, person_at


def wall(depth_m: float) -> DepthImage:
    """Everything at one depth."""
    return DepthImage(np.full((480, 640), depth_m, dtype=np.float32), CAMERA)


@pytest.mark.parametrize("seen_at", [0.8, 1.0, 1.25])
def test_person_is_behind_their_skin(seen_at: float) -> None:
    pose = person_at(4.0, seen_at=seen_at)
    found = depth_reading(pose, wall(3.9))
    assert found is not None
    skins = [SKIN_M[j.rpartition("_")[2]] for j in pose.skeleton.joints if j.rpartition("_")[2] in SKIN_M]
    along = float(np.linalg.norm(pose.root_cam_m) / pose.root_cam_m[2])
    assert found.distance_m == pytest.approx((3.9 + np.mean(skins)) * along, rel=3e-3)
    assert found.solver == "depth"


def test_stereo_grows_worse_with_the_square_of_the_distance() -> None:
    near, far = (depth_reading(person_at(z), wall(z)) for z in (2.0, 8.0))
    assert near is not None
    assert far is not None
    assert far.sigma * 8.0 > 3.0 * near.sigma * 2.0


def test_holes_say_nothing() -> None:
    for hole in (0.0, np.nan, np.inf):
        assert depth_reading(person_at(4.0), wall(float(hole))) is None


def test_a_rail_before_some_joints_is_passed_over() -> None:
    depth = wall(3.9)
    pose = person_at(4.0)
    knees = round(pose.joints_img_px[pose.skeleton.index_of["L_Knee"], 1])
    depth.depth_m[knees - 12 : knees + 12] = 1.5
    found = depth_reading(pose, depth)
    assert found is not None
    assert found.distance_m == pytest.approx(4.0, rel=0.02)


def test_edges_are_passed_over() -> None:
    depth = wall(3.9)
    depth.depth_m[:, ::2] = 6.0  # flying pixels between the person and the wall behind
    assert depth_reading(person_at(4.0), depth) is None


def test_patches_outside_the_image_are_nan() -> None:
    outside = np.array([[10.0, 0.0, 2.0], [0.0, 0.0, 2.0], [np.nan, np.nan, np.nan]])
    np.testing.assert_allclose(patch_depths(wall(2.5), outside), [np.nan, 2.5, np.nan])


def test_depth_of_half_the_resolution_is_read_at_the_same_places() -> None:
    half = DepthImage(np.full((240, 320), 3.9, dtype=np.float32), CAMERA.resize(320, 240))
    found, whole = depth_reading(person_at(4.0), half), depth_reading(person_at(4.0), wall(3.9))
    assert found is not None
    assert whole is not None
    assert found.distance_m == pytest.approx(whole.distance_m)
    assert is_aligned(half, CAMERA)


def test_another_field_of_view_is_not_aligned() -> None:
    other = DepthImage(np.full((480, 640), 3.9, dtype=np.float32), Camera.from_hfov(87.0, 640, 480))
    assert not is_aligned(other, CAMERA)
