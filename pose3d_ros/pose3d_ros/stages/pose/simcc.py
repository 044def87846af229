"""SimCC: a joint's x, y and z are each the greatest of a row of bins (Li 2022; RTMPose, Jiang 2023; RTMW, Jiang 2024).

As mmpose decodes them (`codecs/utils/post_processing.py`, `projects/rtmpose3d`): a place is the index of its bin over
the split ratio, the score the smaller of the two maxima of x and y, and a joint without a response above 0 is nowhere.
"""

from __future__ import annotations

import numpy as np

from pose3d_ros.stages.decoding import DecodedJoints, PoseDecoder, PoseSettings, RawOutputs, output
from pose3d_ros.types import Array


def _simcc_2d(raw: RawOutputs, settings: PoseSettings) -> DecodedJoints:
    joints_crop_px, scores = _places(raw, settings)
    return DecodedJoints(joints_crop_px, np.full(scores.shape, np.nan), scores)


def _simcc_3d(raw: RawOutputs, settings: PoseSettings) -> DecodedJoints:
    joints_crop_px, scores = _places(raw, settings)
    depths = output(raw, "simcc_z", (*scores.shape, None))
    # mmpose: (bin / ratio / (depth size / 2) − 1) · range, where the depth size is the number of bins over the ratio.
    depth_m = (depths.argmax(axis=-1) / (depths.shape[-1] / 2) - 1.0) * settings.z_range_m
    return DecodedJoints(joints_crop_px, depth_m, scores)


def _places(raw: RawOutputs, settings: PoseSettings) -> tuple[Array, Array]:
    """Pixels of the crop (N, K, 2) and scores (N, K)."""
    width, height = (round(side * settings.split_ratio) for side in (settings.width_px, settings.height_px))
    across = output(raw, "simcc_x", (None, None, width))
    down = output(raw, "simcc_y", (*across.shape[:2], height))
    best = np.minimum(across.max(axis=-1), down.max(axis=-1))
    bins = np.stack([across.argmax(axis=-1), down.argmax(axis=-1)], axis=-1)
    places_px = np.where(best[..., None] > 0, bins / settings.split_ratio, np.nan)
    return places_px, np.clip(best, 0.0, 1.0)


SIMCC_2D = PoseDecoder(_simcc_2d, half_pixel_centres=False, outputs=("simcc_x", "simcc_y"), gives="pixels")
SIMCC_3D = PoseDecoder(
    _simcc_3d, half_pixel_centres=False, outputs=("simcc_x", "simcc_y", "simcc_z"), gives="depth", hip_centred=True
)
