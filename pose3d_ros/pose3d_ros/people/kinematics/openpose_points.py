"""The joints in the image as OpenPose's 18 COCO points, in the order of hri_msgs/Skeleton2D."""

from __future__ import annotations

import numpy as np

from pose3d_ros.records import Pose
from pose3d_ros.types import Array

OPENPOSE_POINTS = (
    "Nose Neck R_Shoulder R_Elbow R_Wrist L_Shoulder L_Elbow L_Wrist R_Hip R_Knee R_Ankle L_Hip L_Knee L_Ankle "
    "L_Eye R_Eye L_Ear R_Ear"
).split()
_NECK = OPENPOSE_POINTS.index("Neck")
_SHOULDERS = [OPENPOSE_POINTS.index(f"{side}_Shoulder") for side in "LR"]


def openpose_points(pose: Pose, width_px: int, height_px: int) -> Array:
    """A person's joints in the image as OpenPose gives them.

    Parameters
    ----------
    pose : Pose
        Of any skeleton.
    width_px, height_px : int
        Size of the image.

    Returns
    -------
    ndarray
        (18, 3) float64: x and y as shares of the image's width and height, and the score. All three are 0 for a point
        that was not found or is off the image. The neck is the middle of the shoulders, with the lower of their
        scores.
    """
    index_of = pose.skeleton.index_of
    points = np.full((len(OPENPOSE_POINTS), 3), np.nan)
    for row, name in enumerate(OPENPOSE_POINTS):
        if name in index_of and row != _NECK:
            joint = index_of[name]
            points[row] = *pose.joints_img_px[joint], pose.scores[joint]
    points[_NECK, :2] = points[_SHOULDERS, :2].mean(axis=0)
    points[_NECK, 2] = points[_SHOULDERS, 2].min()
    points[:, :2] = (points[:, :2] + 0.5) / (width_px, height_px)
    inside = ((points[:, :2] >= 0.0) & (points[:, :2] <= 1.0)).all(axis=1) & np.isfinite(points).all(axis=1)
    points[~inside] = 0.0
    return points
