"""The distance of people from an aligned depth image, read at the joints of torso and thighs."""

from __future__ import annotations

import numpy as np

from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import DepthImage, Pose, RootReading
from pose3d_ros.types import Array

SKIN_M = {"Shoulder": 0.137, "Hip": 0.163, "Thorax": 0.144, "Spine": 0.16, "Pelvis": 0.176, "Knee": 0.113}
"""How far below the skin, the clothes, or an arm in front of them, a joint lies along the ray: means of 32 rendered
people in 320 poses, seen from all sides. Half of them, by the means of the others, are placed 5 mm too far."""
_PATCH_M = 0.03
"""Half the side of the patch that is read about a joint."""
_LEAST_SCORE = 0.3
_LEAST_FILLED = 0.5
"""Share of a patch's pixels with a measurement, below which it is a hole."""
_FLAT_M = 0.08
"""Median deviation within a patch above which it lies across an edge: flying pixels, or someone in front."""
_AGREES_M = 0.25
"""How far a joint's distance may be from the median of all: the skeleton is wrong there, or something is in front."""
_LEAST_JOINTS = 2
_SKIN_SIGMA_M = 0.03
"""Of a person's thickness, the same from frame to frame."""
_JOINT_SIGMA_M = 0.065
"""Of one joint's depth from the root: root mean square over these joints of rendered people, as the nets see them."""
_STEREO_PER_M = 0.003
"""A stereo camera's standard deviation is this times the square of the distance: half a percent of a pixel of disparity
at 5 cm base and 640 pixels; time-of-flight cameras are better."""


def depth_reading(pose: Pose, depth: DepthImage) -> RootReading | None:
    """What the depth image says of a person's distance; None where it shows too little of them."""
    names = [name for name in pose.skeleton.joints if name.rpartition("_")[2] in SKIN_M]
    joints = [pose.skeleton.index_of[name] for name in names]
    usable = np.isfinite(pose.joints_cam_m[joints]).all(axis=1) & (pose.scores[joints] >= _LEAST_SCORE)
    joints = [joint for joint, use in zip(joints, usable, strict=True) if use]
    if len(joints) < _LEAST_JOINTS:
        return None
    skins_m = np.array([SKIN_M[pose.skeleton.joints[joint].rpartition("_")[2]] for joint in joints])
    points = pose.joints_cam_m[joints]
    surface_m = patch_depths(depth, points)
    # Skin and joint lie on one ray: the joint's own depth is that of the skin and how far it is behind it.
    behind_m = skins_m * points[:, 2] / np.linalg.norm(points, axis=1)
    root_m = surface_m + behind_m - (points[:, 2] - pose.root_cam_m[2])
    root_m = root_m[np.isfinite(root_m)]
    if len(root_m) < _LEAST_JOINTS:
        return None
    near = root_m[np.abs(root_m - np.median(root_m)) <= _AGREES_M]
    if len(near) < max(_LEAST_JOINTS, len(root_m) / 2):
        return None
    depth_m = float(near.mean())
    if not depth_m > 0:
        return None
    noise_m = np.hypot(_JOINT_SIGMA_M / np.sqrt(len(near)), _STEREO_PER_M * depth_m**2)
    distance_m = depth_m * float(np.linalg.norm(pose.root_cam_m)) / float(pose.root_cam_m[2])
    sigma = float(np.hypot(noise_m, _SKIN_SIGMA_M)) / depth_m
    return RootReading("depth", distance_m, sigma, _SKIN_SIGMA_M / depth_m)


def patch_depths(depth: DepthImage, points_cam_m: Array) -> Array:
    """Median depth (J,) of the patches about points (J, 3), metres; NaN where there is a hole, or an edge."""
    at = depth.camera.project(points_cam_m)
    focal_px = float(np.sqrt(depth.camera.K_px[0, 0] * depth.camera.K_px[1, 1]))
    halves = np.maximum(_PATCH_M * focal_px / points_cam_m[:, 2], 1.0)
    return np.array([_patch_depth(depth, u, v, half) for (u, v), half in zip(at, halves, strict=True)])


def _patch_depth(depth: DepthImage, u_px: float, v_px: float, half_px: float) -> float:
    height, width = depth.depth_m.shape
    if not (np.isfinite(u_px) and np.isfinite(v_px)):
        return float("nan")
    x0, x1 = round(max(u_px - half_px, 0)), round(min(u_px + half_px, width - 1)) + 1
    y0, y1 = round(max(v_px - half_px, 0)), round(min(v_px + half_px, height - 1)) + 1
    if x1 <= x0 or y1 <= y0:
        return float("nan")
    patch = depth.depth_m[y0:y1, x0:x1]
    measured = patch[np.isfinite(patch) & (patch > 0)]
    if measured.size < _LEAST_FILLED * patch.size:
        return float("nan")
    middle = float(np.median(measured))
    return middle if float(np.median(np.abs(measured - middle))) <= _FLAT_M else float("nan")


def is_aligned(depth: DepthImage, camera: Camera) -> bool:
    """Whether a depth image is of the color camera's view: the same field of view, whatever its resolution."""
    scale = np.array([camera.width_px / depth.camera.width_px, camera.height_px / depth.camera.height_px, 1.0])
    difference = depth.camera.K_px * scale[:, None] - camera.K_px
    return bool(np.abs(difference[:2]).max() <= 0.02 * camera.width_px)
