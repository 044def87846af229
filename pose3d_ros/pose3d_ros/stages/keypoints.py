"""Keypoints and root depths of a frame's people, as pose net, lifter and root localization pass them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.rays import rotation_to_rays
from pose3d_ros.records import Detection
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array


@dataclass(frozen=True, eq=False)
class DecodedRoots:
    """depth_m (N,), z of the root; relative_sigma (N,), standard deviation of ln depth, NaN where the net has none."""

    depth_m: Array
    relative_sigma: Array

    def mean_of_halves(self) -> DecodedRoots:
        """Roots of N crops, then of their mirror images (2N) → N: geometric mean, as errors of depth are relative."""
        people = len(self.depth_m) // 2
        depth_m = np.sqrt(np.maximum(self.depth_m[:people] * self.depth_m[people:], 0.0))
        return DecodedRoots(depth_m, (self.relative_sigma[:people] + self.relative_sigma[people:]) / 2)

    def with_mirrored(self, at: npt.NDArray[np.intp], mirrored: DecodedRoots) -> DecodedRoots:
        """At some crops the mean with those of their mirror images."""
        depth_m, sigma = self.depth_m.copy(), self.relative_sigma.copy()
        both = np.append(depth_m[at], mirrored.depth_m), np.append(sigma[at], mirrored.relative_sigma)
        means = DecodedRoots(*both).mean_of_halves()
        depth_m[at], sigma[at] = means.depth_m, means.relative_sigma
        return DecodedRoots(depth_m, sigma)


def ahead2camera(camera: Camera, boxes_xyxy_px: Array) -> Array:
    """Rotations (N, 3, 3) of the optical axis onto the rays through the centers of boxes (N, 4); NaN without a ray."""
    return rotation_to_rays(camera.rays((boxes_xyxy_px[:, :2] + boxes_xyxy_px[:, 2:]) / 2))


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The 2D joints of N people, and metric joints if known.

    joints_img_px (N, J, 2), in the (distorted) image; scores (N, J), 0–1; valid (N, J): which of them are to be given
    out. is_person (N,): boxes that hold a person. relative_depth_m (N, J): z from the root, NaN where unknown.
    relative_m (N, J, 3): metric joints in the camera's axes, from any origin; None without. lifted: they are a
    lifter's, whose origin is the root, so that the root need not be seen. roots: None where they are to be solved.
    root_cam_m (N, 3): where a lifter that says so puts the root, None without such a one.
    """

    skeleton: Skeleton
    detections: Sequence[Detection]
    joints_img_px: Array
    scores: Array
    valid: npt.NDArray[np.bool_]
    is_person: npt.NDArray[np.bool_]
    relative_depth_m: Array
    relative_m: Array | None = None
    roots: DecodedRoots | None = None
    lifted: bool = False
    root_cam_m: Array | None = None

    @property
    def boxes_xyxy_px(self) -> Array:
        """(N, 4) of the detections."""
        return np.array([d.box_xyxy_px for d in self.detections], dtype=np.float64).reshape(-1, 4)
