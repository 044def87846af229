"""Nets that give 2D joints in the crop and, apart from them, 3D joints in metres: MeTRAbs, MediaPipe."""

from __future__ import annotations

import numpy as np

from pose3d_ros.stages.decoding import DecodedJoints, PoseDecoder, PoseSettings, RawOutputs, output

_LANDMARKS = 33


def _metrabs(raw: RawOutputs, settings: PoseSettings) -> DecodedJoints:
    """Sárándi 2020: pixels of the crop, and joints about an origin that means nothing; no scores."""
    joints_crop_px = output(raw, "coords2d", (None, None, 2))
    relative_m = output(raw, "coords3d", (*joints_crop_px.shape[:2], 3)) * settings.metres_per_unit
    return DecodedJoints(joints_crop_px, relative_m[..., 2], np.ones(relative_m.shape[:2]), relative_m=relative_m)


def _mediapipe_world(raw: RawOutputs, settings: PoseSettings) -> DecodedJoints:
    """Landmarks as shares of the crop's sides, from its left and top edges; world landmarks in metres from the hips.

    The score is the smaller of visibility and presence. Nobody found is NaN, with scores of 0.
    """
    landmarks = output(raw, "landmarks", (None, _LANDMARKS, 5))
    relative_m = output(raw, "world", (len(landmarks), _LANDMARKS, 3)) * settings.metres_per_unit
    joints_crop_px = landmarks[..., :2] * [settings.width_px, settings.height_px] - 0.5
    scores = np.clip(np.nan_to_num(landmarks[..., 3:].min(axis=-1)), 0.0, 1.0)
    return DecodedJoints(joints_crop_px, relative_m[..., 2], scores, relative_m=relative_m)


METRABS = PoseDecoder(
    _metrabs,
    half_pixel_centres=True,
    outputs=("coords2d", "coords3d"),
    gives="metres",
    metres_per_unit=0.001,
    ahead="crop",
)
MEDIAPIPE_WORLD = PoseDecoder(
    _mediapipe_world,
    half_pixel_centres=True,
    outputs=("landmarks", "world"),
    gives="metres",
    hip_centred=True,
    ahead="crop",
)
