"""One person's track, and its extrapolation while the person is not detected."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.rays import ray_sigma_m
from pose3d_ros.records import Detection, Pose
from pose3d_ros.types import Array

NEAREST_M = 0.1
"""Nearer than this a person can't be extrapolated: they are at the lens or behind it."""


@dataclass(eq=False)
class Track:
    """mean (6,), covariance (6, 6): the filter. seen_mean_m (3,): its position when `pose` was measured.

    seen, seen_before: in the present and in the last frame.
    """

    track_id: int
    mean: Array
    covariance: Array
    pose: Pose
    seen_mean_m: Array
    seen_ns: int
    clothes_lab: Array
    hits: int = 1
    seen: bool = True
    seen_before: bool = True

    def age_s(self, stamp_ns: int) -> float:
        """Seconds since it was last seen."""
        return (stamp_ns - self.seen_ns) * 1e-9

    def extrapolated_pose(self, camera: Camera | None) -> Pose:
        """The last pose moved with the filter's position, which gives the root's standard deviation.

        With a camera its pixels and box follow the motion; without, its pixels are NaN and its box stays.
        """
        before_m, shift_m = self.pose.root_cam_m, self.mean[:3] - self.seen_mean_m
        joints_cam_m, root_cam_m = self.pose.joints_cam_m + shift_m, before_m + shift_m
        joints_img_px = np.full((len(joints_cam_m), 2), np.nan) if camera is None else camera.project(joints_cam_m)
        box = self.pose.detection.box_xyxy_px
        if camera is not None:
            box = moved_boxes(box[None], before_m[None], root_cam_m[None], camera)[0]
        return replace(
            self.pose,
            root_cam_m=root_cam_m,
            joints_cam_m=joints_cam_m,
            joints_img_px=joints_img_px,
            detection=Detection(box, self.pose.detection.score),
            root_sigma_m=ray_sigma_m(self.mean[:3], self.covariance[:3, :3]),
        )


def moved_boxes(boxes_xyxy_px: Array, from_cam_m: Array, to_cam_m: Array, camera: Camera) -> Array:
    """Boxes (N, 4) after their roots moved, (N, 3) each: moved with the root's pixel and scaled with its distance.

    A box whose root can't be projected before or after stays as it is.
    """
    before, after = camera.project(from_cam_m), camera.project(to_cam_m)
    scale = (from_cam_m[:, 2] / np.maximum(to_cam_m[:, 2], NEAREST_M))[:, None, None]
    corners = boxes_xyxy_px.reshape(-1, 2, 2)
    moved = ((corners - before[:, None]) * scale + after[:, None]).reshape(-1, 4)
    visible = np.isfinite(moved).all(axis=1, keepdims=True)
    return np.where(visible, moved, boxes_xyxy_px)
