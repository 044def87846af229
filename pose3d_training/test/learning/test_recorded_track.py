"""Recorded people from beside: by hand, exact projections stay exact, errors stay where they were."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_training.learning.recorded_track import RecordedTrack

from .recordings import COCO, MUCO, track

WRIST, EAR, HIP = COCO.index_of["L_Wrist"], COCO.index_of["L_Ear"], COCO.index_of["R_Hip"]


def still() -> RecordedTrack:
    """All joints 4 m ahead but the left wrist, 1 m to the right and 5 m away, and the head's top."""
    joints = np.tile([0.0, 0.0, 4.0], (1, 21, 1))
    joints[0, MUCO.index_of["L_Wrist"]] = [1.0, 0.0, 5.0]
    joints[0, MUCO.index_of["Head_top"]] = [0.0, -1.0, 3.0]
    keypoints = np.full((1, 17, 2), np.nan)
    keypoints[0, WRIST], keypoints[0, EAR], keypoints[0, HIP] = (0.2, 0.0), (0.0, -0.3), (0.01, 0.0)
    return RecordedTrack(keypoints, np.where(np.isfinite(keypoints[..., 0]), 0.7, 0.0), joints)


def test_depths_are_those_of_labels_or_of_the_nearest_one() -> None:
    depth = still().depths_m(COCO, MUCO)
    assert depth[0, [WRIST, EAR, HIP]].tolist() == [5, 3, 4]
    assert np.isnan(np.delete(depth[0], [WRIST, EAR, HIP])).all()


def test_camera_a_quarter_turn_to_the_right_by_hand() -> None:
    found = still().from_beside(90.0, COCO, MUCO)
    # It stands at (4, 0, 4) and looks along -x: the wrist, at (1, 0, 5), is 3 m ahead of it and 1 m to its right.
    np.testing.assert_allclose(found.joints_cam_m[0, MUCO.index_of["L_Wrist"]], [1, 0, 3], atol=1e-12)
    np.testing.assert_allclose(found.joints_cam_m[0, MUCO.root], [0, 0, 4], atol=1e-12)
    np.testing.assert_allclose(found.keypoints[0, WRIST], [1 / 3, 0], atol=1e-12)
    # The hip's 2D joint is 0.01 · 4 m off to the right, which is towards the new camera.
    np.testing.assert_allclose(found.keypoints[0, HIP], [0, 0], atol=1e-12)
    assert found.scores[0, [WRIST, EAR, HIP]].tolist() == [0.7] * 3


@pytest.mark.parametrize("angle_deg", [-60.0, -5.0, 0.0, 30.0])
def test_exact_2d_joints_are_exact_from_beside(angle_deg: float) -> None:
    before = track(5)
    found = before.from_beside(angle_deg, COCO, MUCO)
    for name in set(COCO.joints) & set(MUCO.joints):
        at = found.joints_cam_m[:, MUCO.index_of[name]]
        np.testing.assert_allclose(found.keypoints[:, COCO.index_of[name]], at[:, :2] / at[:, 2:], atol=1e-9)
    apart = [np.linalg.norm(t.joints_cam_m[:, 3] - t.joints_cam_m[:, 7], axis=-1) for t in (before, found)]
    np.testing.assert_allclose(*apart)
    np.testing.assert_array_equal(found.scores, before.scores)
    if angle_deg == 0:
        np.testing.assert_allclose(found.keypoints, before.keypoints)


def test_what_can_not_be_placed_or_seen_is_unknown() -> None:
    unlabeled = track(3)
    unlabeled.joints_cam_m[1] = np.nan
    found = unlabeled.from_beside(20.0, COCO, MUCO)
    assert np.isnan(found.keypoints[1]).all()
    assert (found.scores[1] == 0).all()
    assert (found.scores[0] == unlabeled.scores[0]).all()
    nobody = track(2, labeled=False).from_beside(20.0, COCO, MUCO)
    assert (nobody.scores == 0).all()
    behind = still()
    behind.joints_cam_m[0, MUCO.index_of["L_Wrist"]] = [5.0, 0.0, 4.0]
    behind.keypoints[0, WRIST] = 1.25, 0.0
    found = behind.from_beside(90.0, COCO, MUCO)  # 1 m behind the new camera
    assert np.isnan(found.keypoints[0, WRIST]).all()
    assert found.scores[0, [WRIST, HIP]].tolist() == [0, 0.7]
