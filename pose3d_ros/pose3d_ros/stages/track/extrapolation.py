"""Where an unseen person would be: the last pose moved with its root."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pose3d_ros.geometry import Camera
from pose3d_ros.records import Detection, Pose
from pose3d_ros.types import Array

NEAREST_M = 0.1
"""Nearer than this a person can't be predicted: they are at the lens or behind it."""


def carried_pose(pose: Pose, shift_cam_m: Array, camera: Camera | None, sigma_m: float) -> Pose:
    """`pose` moved by shift_cam_m (3,), metres, with sigma_m for its root's distance.

    With a camera its pixels and box follow the motion; without, its pixels are NaN and its box stays.
    """
    joints_cam_m = pose.joints_cam_m + shift_cam_m
    root_cam_m = pose.root_cam_m + shift_cam_m
    joints_img_px = np.full_like(pose.joints_img_px, np.nan) if camera is None else camera.project(joints_cam_m)
    box = pose.detection.box_xyxy_px
    if camera is not None:
        box = carried_boxes(box[None], pose.root_cam_m[None], root_cam_m[None], camera)[0]
    return replace(
        pose,
        root_cam_m=root_cam_m,
        joints_cam_m=joints_cam_m,
        joints_img_px=joints_img_px,
        detection=Detection(box, pose.detection.score),
        root_sigma_m=sigma_m,
    )


def carried_boxes(boxes_xyxy_px: Array, from_cam_m: Array, to_cam_m: Array, camera: Camera) -> Array:
    """Boxes (N, 4) after their roots moved, (N, 3) each: moved with the root's pixel and scaled with its distance.

    A box whose root can't be projected before or after stays as it is.
    """
    before, after = camera.project(from_cam_m), camera.project(to_cam_m)
    scale = (from_cam_m[:, 2] / np.maximum(to_cam_m[:, 2], NEAREST_M))[:, None, None]
    corners = boxes_xyxy_px.reshape(-1, 2, 2)
    moved = ((corners - before[:, None]) * scale + after[:, None]).reshape(-1, 4)
    visible = np.isfinite(moved).all(axis=1, keepdims=True)
    return np.where(visible, moved, boxes_xyxy_px)
