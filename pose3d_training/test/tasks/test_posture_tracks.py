"""Posture tracks of a body with the shape and bones that the tests have."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.types import Array
from pose3d_training.tasks.posture_tracks import _between


def turned(angle_rad: float) -> Array:
    """Local rotations (2, 3, 3): one about x by the angle, one at rest."""
    return np.stack([Rotation.from_rotvec([angle_rad, 0, 0]).as_matrix(), np.eye(3)])


def test_poses_between_keys_start_and_end_gently() -> None:
    seconds, poses = np.array([0.0, 1.0, 3.0, 4.0]), np.stack([turned(0), turned(0), turned(1.2), turned(1.2)])
    times_s = np.array([0.5, 1.0, 1.02, 2.0, 2.98, 3.0, 3.5, 4.0])
    angles = Rotation.from_matrix(_between(seconds, poses, times_s)[:, 0]).as_rotvec()[:, 0]
    np.testing.assert_allclose(angles[[0, 1, 3, 5, 6, 7]], [0, 0, 0.6, 1.2, 1.2, 1.2], atol=1e-9)
    assert 0 < angles[2] < 1e-4
    assert 0 < 1.2 - angles[4] < 1e-4
    np.testing.assert_allclose(
        _between(seconds, poses, times_s)[:, 1], np.broadcast_to(np.eye(3), (8, 3, 3)), atol=1e-12
    )
