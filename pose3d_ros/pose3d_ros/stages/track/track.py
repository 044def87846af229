"""One person's track: who they are, where they are, and where they should be while they are not detected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.geometry.rays import ray_sigma_m
from pose3d_ros.records import Detection, Pose
from pose3d_ros.stages.appearance import blended_lab
from pose3d_ros.stages.track import kalman
from pose3d_ros.types import Array

NEAREST_M = 0.1
"""Nearer than this a person can't be extrapolated: they are at the lens or behind it."""
HELD = 0
"""Id of who has none yet."""
_CLOTHES_SHARE = 0.15
"""How much of a frame's colors goes into a track's, at least: of its first few they are the mean."""
_RECENT_SHARE = 0.3
_BORDER_SHARE = 0.02
"""A box this near to the image's border, as a share of the image, may be cut off there."""
_NO_MOTION = RigidTransform(np.eye(3), np.zeros(3))


def _unknown_lab() -> Array:
    return np.full((2, 3), np.nan)


@dataclass(eq=False)
class Whereabouts:
    """mean (6,), covariance (6, 6): the filter, in the camera's frame of now.

    seen_mean_m (3,): its position when `pose` was measured, both in the camera's frame of then; seen2now: how the
    camera's frame changed since. seen, seen_before: in the present and in the last frame. clean, alone: frames since
    others who are seen, and others at all, were near in the image. recent_lab (2, 3): the clothes' colors in the clean
    ones. entered: whether it was first seen at the image's border.
    """

    mean: Array
    covariance: Array
    pose: Pose
    seen_mean_m: Array
    seen_ns: int
    seen: bool = True
    seen_before: bool = True
    seen2now: RigidTransform = _NO_MOTION
    clean: int = 0
    alone: int = 0
    recent_lab: Array = field(default_factory=_unknown_lab)
    entered: bool = False

    @property
    def relative_joints_m(self) -> Array:
        """The joints (J, 3) of the last pose about its root, in the axes of now."""
        return self.seen2now.rotate(self.pose.joints_cam_m - self.pose.root_cam_m)

    @property
    def root_cam_m(self) -> Array:
        """Where the root (3,) is expected."""
        return self.mean[:3] + self.seen2now.rotate(self.pose.root_cam_m - self.seen_mean_m)

    def turn(self, before2now: RigidTransform) -> None:
        """The camera moved, and its frame with it."""
        means, covariances = kalman.turned(self.mean[None], self.covariance[None], before2now)
        self.mean, self.covariance = means[0], covariances[0]
        self.seen2now = before2now.after(self.seen2now)

    def see(self, pose: Pose, stamp_ns: int, direction_sigma: float, log_sigma: float) -> None:
        """The person was seen."""
        self.mean, self.covariance = kalman.update(
            self.mean, self.covariance, pose.root_cam_m, direction_sigma, log_sigma
        )
        self.pose, self.seen_ns, self.seen = pose, stamp_ns, True
        self.seen_mean_m, self.seen2now = self.mean[:3].copy(), _NO_MOTION

    def look(self) -> None:
        """The last pose was clean: learn the clothes' colors of who is there."""
        self.clean += 1
        share = max(_RECENT_SHARE, 1.0 / self.clean)
        self.recent_lab = blended_lab(self.recent_lab, self.pose.clothes_lab, share)

    def forget_looks(self) -> None:
        """Others were near, or someone else may be there by now."""
        self.clean, self.recent_lab = 0, _unknown_lab()

    def extrapolated_pose(self, camera: Camera | None) -> Pose:
        """The last pose moved with the filter's position.

        The root's standard deviation is the filter's with the last measurement's, whose error stays. With a camera its
        pixels and box follow the motion; without, its pixels are NaN and its box stays.
        """
        root_cam_m = self.root_cam_m
        joints_cam_m = root_cam_m + self.relative_joints_m
        joints_img_px = np.full((len(joints_cam_m), 2), np.nan) if camera is None else camera.project(joints_cam_m)
        ((box,), _), last = predicted_in_image([self], camera), self.pose.detection
        sigma_m = ray_sigma_m(self.mean[:3], self.covariance[:3, :3])
        return replace(
            self.pose,
            root_cam_m=root_cam_m,
            joints_cam_m=joints_cam_m,
            joints_img_px=joints_img_px,
            detection=Detection(box if np.isfinite(box).all() else last.box_xyxy_px, last.score),
            root_sigma_m=float(np.hypot(sigma_m, np.nan_to_num(self.pose.root_sigma_m))),
        )


@dataclass(eq=False)
class Track:
    """A person: an id, what they look like, and where they are.

    clothes_lab (2, 3): colors of frames in which it was clear which is which, looks: how many. at: as the frame by
    frame association goes. anchor: the same, from before others were near in the image, moved on by itself; None when
    it is clear which is which. rivals: tracks that may have been exchanged with it since. waits: whether it may turn
    out to be a person who is among others now.
    """

    track_id: int
    at: Whereabouts
    clothes_lab: Array = field(default_factory=_unknown_lab)
    hits: int = 1
    looks: int = 0
    anchor: Whereabouts | None = None
    rivals: set[Track] = field(default_factory=set)
    waits: bool = False

    def age_s(self, stamp_ns: int) -> float:
        """Seconds since it was last seen."""
        return (stamp_ns - self.at.seen_ns) * 1e-9

    def remember(self, lab: Array) -> None:
        """Colors (2, 3) that are surely this person's."""
        share = max(_CLOTHES_SHARE, 1.0 / (self.looks + 1))
        self.clothes_lab = blended_lab(self.clothes_lab, lab, share)
        self.looks += 1


def predicted_in_image(places: Sequence[Whereabouts], camera: Camera | None) -> tuple[Array, Array]:
    """Boxes (T, 4) and joints (T, J, 2) of the last poses, moved with the root's pixel and scaled with its distance.

    NaN for those who can't be projected before or after; without a camera all stay as they are.
    """
    boxes = np.array([at.pose.detection.box_xyxy_px for at in places])
    joints_px = np.array([at.pose.joints_img_px for at in places])
    if camera is None:
        return boxes, joints_px
    before_m, after_m = np.array([at.pose.root_cam_m for at in places]), np.array([at.root_cam_m for at in places])
    before, after = (points[:, None] for points in camera.project(np.stack([before_m, after_m])))
    scale = (before_m[:, 2] / np.maximum(after_m[:, 2], NEAREST_M))[:, None, None]
    moved = (boxes.reshape(-1, 2, 2) - before) * scale + after
    return moved.reshape(-1, 4), (joints_px - before) * scale + after


def at_border(box_xyxy_px: Array, camera: Camera | None) -> bool:
    """Whether a box (4,) touches the image's left, right or lower border, where people come and go."""
    if camera is None:
        return False
    margin_x_px, margin_y_px = _BORDER_SHARE * camera.width_px, _BORDER_SHARE * camera.height_px
    x0, _, x1, y1 = box_xyxy_px
    return bool(x0 < margin_x_px or x1 > camera.width_px - margin_x_px or y1 > camera.height_px - margin_y_px)
