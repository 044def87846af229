from __future__ import annotations

import numpy as np

from pose3d_ros.records import Detection, Pose
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.skeleton_conversion import convert_pose

SOURCE = get_skeleton("muco21")
POSE = Pose(
    np.array([0, 0, 4.0]),
    np.arange(63, dtype=np.float64).reshape(21, 3),
    np.arange(42, dtype=np.float64).reshape(21, 2),
    np.linspace(0.5, 1.0, 21, dtype=np.float64),
    SOURCE,
    Detection(np.array([0.0, 0, 1, 1]), 0.9),
)


def test_joints_move_by_name_and_the_rest_is_unknown() -> None:
    target = get_skeleton("coco17")
    after = convert_pose(POSE, target)
    wrist, source_wrist = target.index_of["L_Wrist"], SOURCE.index_of["L_Wrist"]
    np.testing.assert_array_equal(after.joints_cam_m[wrist], POSE.joints_cam_m[source_wrist])
    np.testing.assert_array_equal(after.joints_img_px[wrist], POSE.joints_img_px[source_wrist])
    assert after.scores[wrist] == POSE.scores[source_wrist]
    nose = target.index_of["Nose"]
    assert np.isnan(after.joints_cam_m[nose]).all()
    assert after.scores[nose] == 0.0
    assert after.skeleton is target
    np.testing.assert_array_equal(after.root_cam_m, POSE.root_cam_m)


def test_the_same_skeleton_is_the_same_pose() -> None:
    assert convert_pose(POSE, SOURCE) is POSE
