"""Pose nets of third parties: SimCC, integral volumes, location maps, and those that give joints in metres.

SimCC (Li 2022; RTMPose, Jiang 2023; RTMW, Jiang 2024): a joint's x, y and z are each the greatest of a row of bins. As
mmpose decodes them (`codecs/utils/post_processing.py`, `projects/rtmpose3d`), a place is the index of its bin over the
split ratio, the score the smaller of the two maxima of x and y, and a joint without a response above 0 is nowhere.
"""

from __future__ import annotations

import numpy as np

from pose3d_ros.errors import EngineError
from pose3d_ros.stages.io_matching import RawOutputs, output
from pose3d_ros.stages.pose.orpm_decoder import decode_orpm
from pose3d_ros.stages.pose.pose_decoding import DecodedJoints, PoseDecoder, PoseSettings
from pose3d_ros.types import Array


def _simcc_2d(raw: RawOutputs, settings: PoseSettings) -> DecodedJoints:
    joints_crop_px, scores = _located(raw, settings)
    return DecodedJoints(joints_crop_px, np.full(scores.shape, np.nan), scores)


def _simcc_3d(raw: RawOutputs, settings: PoseSettings) -> DecodedJoints:
    joints_crop_px, scores = _located(raw, settings)
    depths = output(raw, "simcc_z", (*scores.shape, None))
    # mmpose: (bin / ratio / (depth size / 2) − 1) · range, where the depth size is the number of bins over the ratio.
    depth_m = (depths.argmax(axis=-1) / (depths.shape[-1] / 2) - 1.0) * settings.z_range_m
    return DecodedJoints(joints_crop_px, depth_m, scores)


def _located(raw: RawOutputs, settings: PoseSettings) -> tuple[Array, Array]:
    """Pixels of the crop (N, K, 2) and scores (N, K)."""
    width, height = (round(side * settings.split_ratio) for side in (settings.width_px, settings.height_px))
    across = output(raw, "simcc_x", (None, None, width))
    down = output(raw, "simcc_y", (*across.shape[:2], height))
    best = np.minimum(across.max(axis=-1), down.max(axis=-1))
    bins = np.stack([across.argmax(axis=-1), down.argmax(axis=-1)], axis=-1)
    places_px = np.where(best[..., None] > 0, bins / settings.split_ratio, np.nan)
    return places_px, np.clip(best, 0.0, 1.0)


def _integral_volume(raw: RawOutputs, settings: PoseSettings) -> DecodedJoints:
    """Mean place of the softmax over a joint's volume (Sun 2018, eq. 3), depth bins as deep as the maps are wide."""
    maps = output(raw, "volume", (None, None, None, None))
    people, channels, height, width = maps.shape
    if channels % width:
        raise EngineError(
            "output volume",
            expected=f"joints times {width} channels, as many depth bins as the maps are wide",
            got=str(maps.shape),
            fix="The manifest's decoder must be that of the engine.",
        )
    share = _softmax(maps.reshape(people, channels // width, width, height, width))
    x = share.sum(axis=(2, 3)) @ np.arange(width)
    y = share.sum(axis=(2, 4)) @ np.arange(height)
    z = share.sum(axis=(3, 4)) @ np.arange(width)
    stride_px = np.array([settings.width_px / width, settings.height_px / height])
    # Bin i lies at pixel i · stride of a crop cut by `gen_trans_from_patch_cv`. Mirroring mirrors bins, as for 3DMPPE.
    return DecodedJoints(
        np.stack([x, y], axis=-1) * stride_px,
        (z / width - 0.5) * settings.depth_range_m,
        np.ones(x.shape),
        settings.width_px - float(stride_px[0]),
    )


def _location_maps(raw: RawOutputs, settings: PoseSettings) -> DecodedJoints:
    """X, Y and Z where the heat map is greatest (Mehta 2017, VNect, sec. 4.1), the place at that cell's center."""
    heat = output(raw, "heat", (None, None, None, None))
    people, joints, height, width = heat.shape
    cells = heat.reshape(people, joints, -1)
    best = cells.argmax(axis=-1)[..., None]
    maps = [output(raw, name, heat.shape).reshape(cells.shape) for name in ("x", "y", "z")]
    relative_m = np.concatenate([np.take_along_axis(m, best, axis=-1) for m in maps], axis=-1)
    relative_m *= settings.metres_per_unit
    cell = np.concatenate([best % width, best // width], axis=-1)
    stride_px = np.array([settings.width_px / width, settings.height_px / height])
    scores = np.clip(np.take_along_axis(cells, best, axis=-1)[..., 0], 0.0, 1.0)
    return DecodedJoints((cell + 0.5) * stride_px - 0.5, relative_m[..., 2], scores, relative_m=relative_m)


def _softmax(volumes: Array) -> Array:
    """Over all but the first two axes."""
    inner = tuple(range(2, volumes.ndim))
    powers = np.exp(volumes - volumes.max(axis=inner, keepdims=True))
    share: Array = powers / powers.sum(axis=inner, keepdims=True)
    return share


def _metrabs(raw: RawOutputs, settings: PoseSettings) -> DecodedJoints:
    """Sárándi 2020: pixels of the crop, and joints about an origin that means nothing; no scores."""
    joints_crop_px = output(raw, "coords2d", (None, None, 2))
    relative_m = output(raw, "coords3d", (*joints_crop_px.shape[:2], 3)) * settings.metres_per_unit
    return DecodedJoints(joints_crop_px, relative_m[..., 2], np.ones(relative_m.shape[:2]), relative_m=relative_m)


THIRD_PARTY_DECODERS: dict[str, PoseDecoder] = {
    "simcc_2d": PoseDecoder(_simcc_2d, half_pixel_centers=False, outputs=("simcc_x", "simcc_y"), gives="pixels"),
    "simcc_3d": PoseDecoder(
        _simcc_3d, half_pixel_centers=False, outputs=("simcc_x", "simcc_y", "simcc_z"), gives="depth", hip_centered=True
    ),
    "integral_volume": PoseDecoder(_integral_volume, half_pixel_centers=False, outputs=("volume",), gives="depth"),
    "location_maps": PoseDecoder(
        _location_maps,
        half_pixel_centers=True,
        outputs=("heat", "x", "y", "z"),
        gives="metres",
        metres_per_unit=0.1,
        ahead="crop",
    ),
    "orpm": PoseDecoder(
        decode_orpm,
        half_pixel_centers=True,
        outputs=("heat", "x", "y", "z"),
        gives="metres",
        metres_per_unit=0.1,
        ahead="crop",
    ),
    "metrabs": PoseDecoder(
        _metrabs,
        half_pixel_centers=True,
        outputs=("coords2d", "coords3d"),
        gives="metres",
        metres_per_unit=0.001,
        ahead="crop",
    ),
}
