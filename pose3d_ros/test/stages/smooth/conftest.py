from __future__ import annotations

import numpy as np

from pose3d_ros.geometry import Camera
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array

CAMERA = Camera.from_hfov(60.0, 640, 480)


def person_at(
    joints_cam_m: Array, skeleton: Skeleton, track_id: int = 1, state: TrackState = TrackState.TRACKED
) -> Person:
    """Someone whose root is the skeleton's root joint."""
    joints = np.asarray(joints_cam_m, dtype=np.float64)
    root, detection = joints[skeleton.root].copy(), Detection(np.array([0.0, 0.0, 100.0, 200.0]), 0.9)
    pose = Pose(root, joints, CAMERA.project(joints), np.ones(len(skeleton)), skeleton, detection)
    return Person(track_id, state, pose, np.zeros(3), 0.9)
