"""The flip test: a crop and its mirror image are read together, and their answers averaged (3DMPPE's testing code)."""

from __future__ import annotations

import numpy as np

from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.decoding import DecodedJoints, DecodedRoots


def mean_with_mirrored(joints: DecodedJoints, skeleton: Skeleton, size_px: int) -> DecodedJoints:
    """Answers for N crops followed by their mirror images (2N) → N answers.

    Pixel x of a mirror image is size_px - 1 - x of the crop unless the net's decoder says otherwise, its metric x is
    the negative, and its left joints are the right ones. size_px: width of the crops.
    """
    mirror_sum_px = size_px - 1 if joints.mirror_sum_px is None else joints.mirror_sum_px
    people, order = len(joints.scores) // 2, list(skeleton.flip_order)
    mirrored_px = joints.joints_crop_px[people:, order].copy()
    mirrored_px[..., 0] = mirror_sum_px - mirrored_px[..., 0]
    relative_m = joints.relative_m
    if relative_m is not None:
        relative_m = (relative_m[:people] + relative_m[people:, order] * [-1.0, 1.0, 1.0]) / 2
    return DecodedJoints(
        (joints.joints_crop_px[:people] + mirrored_px) / 2,
        (joints.relative_depth_m[:people] + joints.relative_depth_m[people:, order]) / 2,
        (joints.scores[:people] + joints.scores[people:, order]) / 2,
        relative_m=relative_m,
    )


def mean_of_halves(roots: DecodedRoots) -> DecodedRoots:
    """Roots of N crops, then of their mirror images (2N) → N roots: geometric mean, as errors of depth are relative."""
    people = len(roots.depth_m) // 2
    product = roots.depth_m[:people] * roots.depth_m[people:]
    depth_m = np.sqrt(np.maximum(product, 0.0))
    return DecodedRoots(depth_m, (roots.relative_sigma[:people] + roots.relative_sigma[people:]) / 2)
