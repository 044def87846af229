"""Joints read from maps: integral volumes (Sun 2018, EpipolarPose) and location maps (Mehta 2017, VNect)."""

from __future__ import annotations

import numpy as np

from pose3d_ros.errors import EngineError
from pose3d_ros.stages.decoding import DecodedJoints, PoseDecoder, PoseSettings, RawOutputs, output
from pose3d_ros.types import Array


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
    """X, Y and Z where the heat map is greatest (Mehta 2017, VNect, sec. 4.1), the place at that cell's centre."""
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


INTEGRAL_VOLUME = PoseDecoder(_integral_volume, half_pixel_centres=False, outputs=("volume",), gives="depth")
LOCATION_MAPS = PoseDecoder(
    _location_maps,
    half_pixel_centres=True,
    outputs=("heat", "x", "y", "z"),
    gives="metres",
    metres_per_unit=0.1,
    ahead="crop",
)
