"""What the outputs of root and pose nets mean. A manifest entry names its decoder; the functions are pure.

`root_pose_metric` is this package's net for both roles. `3dmppe_rootnet` and `3dmppe_posenet` are the official nets
of Moon 2019: soft-argmax over integer bins of 4 crop pixels, x = 4 · bin; depth of a joint (bin / 64 · 2 − 1) · 1 m
from the root; depth of the root in millimetres. Those of third parties are in `third_party_decoders` and
`heat_map_decoders`.
"""

from __future__ import annotations

import numpy as np

from pose3d_ros.stages.io_matching import RawOutputs, output
from pose3d_ros.stages.keypoints import DecodedRoots
from pose3d_ros.stages.pose.heat_map_decoders import HEAT_MAP_DECODERS
from pose3d_ros.stages.pose.pose_decoding import DecodedJoints, PoseDecoder, PoseSettings, RootDecoder
from pose3d_ros.stages.pose.third_party_decoders import THIRD_PARTY_DECODERS

_BIN_PX = 4.0
_DEPTH_BINS = 64.0
_HALF_DEPTH_RANGE_M = 1.0
_MM_PER_M = 1000.0
_MOON_INSET_PX = 0.5
"""Their boxes reach from the first pixel's center to the last one's (`process_bbox`)."""


def _metric_joints(raw: RawOutputs, settings: PoseSettings) -> DecodedJoints:
    return DecodedJoints(
        output(raw, "joints_crop_px", (None, None, 2)),
        output(raw, "relative_depth_m", (None, None)),
        np.clip(output(raw, "joint_scores", (None, None)), 0.0, 1.0),
    )


def _metric_roots(raw: RawOutputs) -> DecodedRoots:
    return DecodedRoots(output(raw, "root_depth_m", (None,)), np.exp(output(raw, "root_log_sigma", (None,))))


def _posenet_joints(raw: RawOutputs, settings: PoseSettings) -> DecodedJoints:
    bins = output(raw, "coords", (None, None, 3))
    depth_m = (bins[..., 2] / _DEPTH_BINS * 2.0 - 1.0) * _HALF_DEPTH_RANGE_M
    # The official net gives no confidence scores. Its flip test (3DMPPE_POSENET_RELEASE,
    # main/test.py) mirrors bins, width − bin − 1: a place and its mirror image add up to one bin less than the crop.
    return DecodedJoints(bins[..., :2] * _BIN_PX, depth_m, np.ones(bins.shape[:2]), settings.width_px - _BIN_PX)


def _rootnet_roots(raw: RawOutputs) -> DecodedRoots:
    root = output(raw, "root", (None, 3))
    return DecodedRoots(root[:, 2] / _MM_PER_M, np.full(len(root), np.nan))


POSE_DECODERS: dict[str, PoseDecoder] = {
    "root_pose_metric": PoseDecoder(
        _metric_joints,
        half_pixel_centers=True,
        outputs=("joints_crop_px", "relative_depth_m", "joint_scores"),
        k_input="k_m",
        square=True,
    ),
    "3dmppe_posenet": PoseDecoder(
        _posenet_joints, half_pixel_centers=False, outputs=("coords",), square=True, box_inset_px=_MOON_INSET_PX
    ),
    **THIRD_PARTY_DECODERS,
    **HEAT_MAP_DECODERS,
}
"""Decoders of the pose role."""

ROOT_DECODERS: dict[str, RootDecoder] = {
    "root_pose_metric": RootDecoder(
        _metric_roots,
        half_pixel_centers=True,
        outputs=("root_depth_m", "root_log_sigma"),
        k_input="k_m",
        k_per_m=1.0,
    ),
    "3dmppe_rootnet": RootDecoder(
        _rootnet_roots,
        half_pixel_centers=False,
        outputs=("root",),
        k_input="k",
        k_per_m=_MM_PER_M,
        box_inset_px=_MOON_INSET_PX,
    ),
}
"""Decoders of the root role."""
