from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.people.kinematics.openpose_points import OPENPOSE_POINTS, openpose_points
from pose3d_ros.records import Detection, Pose
from pose3d_ros.skeletons import get_skeleton

WIDTH_PX, HEIGHT_PX = 100, 50


def pose_in(skeleton: str) -> Pose:
    """Joint j is at pixel (j, 2 j), with the score j / 100."""
    names = get_skeleton(skeleton)
    index = np.arange(len(names))
    pixels = np.stack([index, 2 * index], axis=1).astype(float)
    detection = Detection(np.zeros(4), 1.0)
    return Pose(np.zeros(3), np.zeros((len(names), 3)), pixels, index / 100, names, detection)


@pytest.mark.parametrize("skeleton", ["coco17", "mediapipe33", "body40"])
def test_points_are_shares_of_the_image(skeleton: str) -> None:
    pose = pose_in(skeleton)
    points = openpose_points(pose, WIDTH_PX, HEIGHT_PX)
    for row, name in enumerate(OPENPOSE_POINTS):
        joint = pose.skeleton.index_of.get(name)
        if joint is not None and 2 * joint + 0.5 <= HEIGHT_PX:
            np.testing.assert_allclose(points[row], [(joint + 0.5) / 100, (2 * joint + 0.5) / 50, joint / 100])


def test_neck_is_the_middle_of_the_shoulders() -> None:
    points = openpose_points(pose_in("coco17"), WIDTH_PX, HEIGHT_PX)
    shoulders = points[[2, 5]]
    np.testing.assert_allclose(points[1], [*shoulders[:, :2].mean(axis=0), shoulders[:, 2].min()])


def test_what_is_not_there_is_zero() -> None:
    pose = pose_in("muco21")  # without a face
    pose.joints_img_px[pose.skeleton.index_of["L_Wrist"]] = np.nan
    pose.joints_img_px[pose.skeleton.index_of["R_Knee"]] = (120.0, 10.0)  # off the image
    points = openpose_points(pose, WIDTH_PX, HEIGHT_PX)
    for name in ("Nose", "L_Eye", "R_Eye", "L_Ear", "R_Ear", "L_Wrist", "R_Knee"):
        np.testing.assert_array_equal(points[OPENPOSE_POINTS.index(name)], 0.0, err_msg=name)
    assert points[OPENPOSE_POINTS.index("L_Hip"), 2] > 0
    assert ((points[:, :2] >= 0) & (points[:, :2] <= 1)).all()
