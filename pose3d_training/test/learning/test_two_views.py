"""Labels from two views: against people and cameras that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.learning.two_views import View, bone_scale, relative_pose, triangulated, two_view_tracks

pytest.importorskip("moderngl")

H36M = get_skeleton("h36m17")
PARENTS, CHILDREN = (list(column) for column in zip(*H36M.edges, strict=True))
TURN = Rotation.from_euler("y", 70, degrees=True).as_matrix()
SECOND = RigidTransform(TURN, np.array([0.0, 0.0, 4.0]) - TURN @ [0.0, 0.0, 4.0])


def walker(frames: int = 40, seed: int = 0) -> Array:
    """A person (T, 17, 3) who moves about 4 m before the first camera, bones of 0.3 m in changing directions."""
    rng = np.random.default_rng(seed)
    joints = np.zeros((frames, 17, 3))
    joints[:, H36M.root] = [0, 0, 4.0] + np.stack([np.linspace(-0.8, 0.8, frames)] * 3, axis=-1) * [1, 0, 0.7]
    for parent, child in H36M.edges:
        way = rng.normal(size=3) + 0.4 * np.cumsum(rng.normal(size=(frames, 3)), axis=0) / 3
        joints[:, child] = joints[:, parent] + 0.3 * way / np.linalg.norm(way, axis=-1, keepdims=True)
    return joints


def seen(joints: Array, noise: float = 0.0, seed: int = 3) -> View:
    error = noise * np.random.default_rng(seed).normal(size=(*joints.shape[:2], 2))
    return View(joints[..., :2] / joints[..., 2:] + error, np.full(joints.shape[:2], 0.9))


def views(joints: Array, noise: float = 0.0) -> tuple[View, View]:
    return seen(joints, noise), seen(SECOND.apply(joints.reshape(-1, 3)).reshape(joints.shape), noise, 4)


def test_cameras_are_found_up_to_their_distance_despite_outliers() -> None:
    first, second = views(walker(), 0.002)
    first.keypoints[::5, 3] += 0.2
    found = relative_pose(first, second)
    assert found is not None
    angle = Rotation.from_matrix(found.rotation.T @ SECOND.rotation).magnitude()
    assert np.degrees(angle) < 3
    along = found.translation_m @ SECOND.translation_m / np.linalg.norm(SECOND.translation_m)
    assert along > np.cos(np.radians(4))


def test_labels_are_the_true_joints_in_both_views() -> None:
    joints = walker()
    tracks = two_view_tracks(*views(joints), H36M, np.full(16, 0.3))
    other = SECOND.apply(joints.reshape(-1, 3)).reshape(joints.shape)
    for track, wanted in zip(tracks, (joints, other), strict=True):
        known = np.isfinite(track.joints_cam_m).all(axis=-1)
        assert known.mean() > 0.9
        np.testing.assert_allclose(track.joints_cam_m[known], wanted[known], atol=0.01)


def test_size_is_that_of_average_bones() -> None:
    joints = walker()
    assert bone_scale(joints, H36M, np.full(16, 0.6)) == pytest.approx(2)
    assert np.isnan(bone_scale(np.full_like(joints, np.nan), H36M, np.full(16, 0.6)))


def test_joints_that_a_view_is_not_sure_of_have_no_label() -> None:
    first, second = views(walker())
    unsure = second.scores.copy()
    unsure[:, 5] = 0.1
    joints = triangulated(first, replace(second, scores=unsure), SECOND)
    assert np.isnan(joints[:, 5]).all()
    assert np.isfinite(joints[:, 6]).any(axis=0).all()


def test_views_that_do_not_show_the_same_person_give_no_labels() -> None:
    first, _ = views(walker(seed=1))
    _, second = views(walker(seed=2))
    assert two_view_tracks(first, second, H36M, np.full(16, 0.3)) == []
    one, other = (View(view.keypoints[:2], view.scores[:2]) for view in views(walker()))
    assert two_view_tracks(one, other, H36M, np.full(16, 0.3)) == []
