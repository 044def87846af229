"""Pose nets that give a heat map of each joint, decoded as their authors do.

Where the authors' crops and cells lie differs by half a pixel or half a cell, so each convention is a decoder:

- `heatmaps`: SimpleBaselines (Xiao 2018), HRNet (Sun 2019) and what mmpose calls MSRAHeatmap. Cell i is crop pixel
  i · stride (`get_affine_transform`, `get_final_preds`).
- `heatmaps_udp`: unbiased data processing (Huang 2020), ViTPose (Xu 2022). The outer pixels of crop and map lie on the
  box's edges: cell i is crop pixel i · (side − 1) / (cells − 1).
- `heatmaps_centered`: stacked hourglass (Newell 2016; `final_preds` adds half a cell), OpenPose (Cao 2019). Cell i is
  at (i + 1/2) · stride − 1/2.
- `hg3d`: Zhou 2017, pytorch-pose-hg-3d, with a depth map beside each heat map.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.io_matching import RawOutputs, output
from pose3d_ros.stages.pose.pose_decoding import DecodedJoints, PoseDecoder, PoseSettings
from pose3d_ros.types import Array

_LEAST_LOG, _UDP_RANGE = 1e-10, (1e-3, 50.0)
"""Of the smoothed maps, before the logarithm."""
_Cells = npt.NDArray[np.intp]
_Values = Callable[[int, int], Array]
_HG3D = get_skeleton("hg3d16")
_HG3D_BONES = np.array(_HG3D.edges)
_PELVIS, _SPINE, _NECK = (_HG3D.index_of[joint] for joint in ("Pelvis", "Spine", "Neck"))


def _heat_maps(raw: RawOutputs, settings: PoseSettings) -> DecodedJoints:
    maps, cells, scores = _peaks(raw)
    places = cells + _refined(maps, cells, settings, margin=1)
    return _in_crop(places * _strides(maps, settings), scores)


def _udp_heat_maps(raw: RawOutputs, settings: PoseSettings) -> DecodedJoints:
    maps, cells, scores = _peaks(raw)
    places = cells + _refined(maps, cells, settings, margin=1, udp=True)
    steps = np.maximum(np.array(maps.shape[:1:-1]) - 1, 1)
    return _in_crop(places * (np.array([settings.width_px, settings.height_px]) - 1) / steps, scores)


def _centered_heat_maps(raw: RawOutputs, settings: PoseSettings) -> DecodedJoints:
    maps, cells, scores = _peaks(raw)
    places = cells + _refined(maps, cells, settings, margin=0)
    return _in_crop((places + 0.5) * _strides(maps, settings) - 0.5, scores)


def _in_crop(places_px: Array, best: Array) -> DecodedJoints:
    """A joint without a response above 0 is nowhere."""
    seen = best > 0
    return DecodedJoints(
        np.where(seen[..., None], places_px, np.nan), np.full(best.shape, np.nan), np.clip(best, 0.0, 1.0)
    )


def _peaks(raw: RawOutputs) -> tuple[Array, _Cells, Array]:
    """Heat maps (N, J, h, w), the cells (N, J, 2) where they are greatest, x first, and their values (N, J)."""
    maps = output(raw, "heatmaps", (None, None, None, None))
    return maps, *_greatest(maps)


def _greatest(maps: Array) -> tuple[_Cells, Array]:
    flat = maps.reshape(*maps.shape[:2], -1)
    best = flat.argmax(axis=-1)
    return np.stack([best % maps.shape[3], best // maps.shape[3]], axis=-1), flat.max(axis=-1)


def _strides(maps: Array, settings: PoseSettings) -> Array:
    """Crop pixels a cell, across and down."""
    return np.array([settings.width_px / maps.shape[3], settings.height_px / maps.shape[2]])


def _refined(maps: Array, cells: _Cells, settings: PoseSettings, *, margin: int, udp: bool = False) -> Array:
    """Parts of cells (N, J, 2) to add. margin: cells at the border that a quarter shift leaves as they are."""
    if settings.refine == "none":
        return np.zeros(cells.shape)
    if settings.refine == "quarter":
        return _quarter_shift(maps, cells, margin)
    smoothed = _smoothed(maps, settings.blur_cells)
    if udp:
        return _newton_udp(np.log(np.clip(smoothed, *_UDP_RANGE)), cells)
    return _newton(np.log(np.maximum(smoothed, _LEAST_LOG)), cells)


def _quarter_shift(maps: Array, cells: _Cells, margin: int) -> Array:
    """A quarter of a cell towards the greater neighbors (`get_final_preds`)."""
    at = _around(maps, cells)
    towards = np.sign(np.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], axis=-1))
    return np.where(_inside(maps, cells, margin + 1, 1)[..., None], 0.25 * towards, 0.0)


def _smoothed(maps: Array, kernel: int) -> Array:
    """Each map blurred, its greatest value as before; cells outside count as 0 (DARK, Zhang 2020, eq. 10)."""
    smoothed = np.empty(maps.shape)
    for index in np.ndindex(*maps.shape[:2]):
        blurred = cv2.GaussianBlur(maps[index], (kernel, kernel), 0, borderType=cv2.BORDER_CONSTANT)
        greatest = blurred.max()
        smoothed[index] = blurred * (maps[index].max() / greatest if greatest > 0 else 0.0)
    return smoothed


def _newton(logs: Array, cells: _Cells) -> Array:
    """From each cell to the maximum of a second-order Taylor expansion of the log heat map (DARK, eq. 8)."""
    at = _around(logs, cells)
    slope = 0.5 * (at(1, 0) - at(-1, 0)), 0.5 * (at(0, 1) - at(0, -1))
    across = 0.25 * (at(2, 0) - 2 * at(0, 0) + at(-2, 0))
    down = 0.25 * (at(0, 2) - 2 * at(0, 0) + at(0, -2))
    mixed = 0.25 * (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1))
    return np.where(_inside(logs, cells, 2, 2)[..., None], _step(slope, across, mixed, down), 0.0)


def _newton_udp(logs: Array, cells: _Cells) -> Array:
    """The same by the differences of UDP (`post_dark_udp`), up to the border."""
    at = _around(logs, cells)
    slope = 0.5 * (at(1, 0) - at(-1, 0)), 0.5 * (at(0, 1) - at(0, -1))
    across, down = at(1, 0) - 2 * at(0, 0) + at(-1, 0), at(0, 1) - 2 * at(0, 0) + at(0, -1)
    mixed = at(1, 1) - at(1, 0) - at(0, 1) + 2 * at(0, 0) - at(-1, 0) - at(0, -1) + at(-1, -1)
    little = float(np.finfo(np.float32).eps)
    return _step(slope, across + little, 0.5 * mixed, down + little)


def _step(slope: tuple[Array, Array], across: Array, mixed: Array, down: Array) -> Array:
    """Minus the inverse of the Hessian times the slope; 0 where it has no inverse."""
    determinant = across * down - mixed**2
    divisor = np.where(determinant == 0, np.inf, determinant)
    x, y = slope
    return np.stack([(mixed * y - down * x) / divisor, (mixed * x - across * y) / divisor], axis=-1)


def _around(maps: Array, cells: _Cells) -> _Values:
    """Values (N, J) at so many cells to the right of and below each cell; at the border those of its nearest cell."""
    height, width = maps.shape[2:]
    people, joints = np.ogrid[: maps.shape[0], : maps.shape[1]]

    def at(right: int, below: int) -> Array:
        x, y = np.clip(cells[..., 0] + right, 0, width - 1), np.clip(cells[..., 1] + below, 0, height - 1)
        return np.asarray(maps[people, joints, y, x])

    return at


def _inside(maps: Array, cells: _Cells, before: int, behind: int) -> npt.NDArray[np.bool_]:
    """Cells (N, J) with at least so many before them, and behind them, both ways."""
    last = np.array(maps.shape[:1:-1]) - 1 - behind
    return np.asarray(((cells >= before) & (cells <= last)).all(axis=-1))


def _hg3d(raw: RawOutputs, settings: PoseSettings) -> DecodedJoints:
    """`get_preds_3d` and `convert_eval_format`: depths at the peaks, in sides of the crop as x and y are.

    The whole is made as large as a skeleton whose bones are `bones_m` long together; the joint between pelvis and neck,
    which in MPII is the thorax and in Human3.6M the spine, is their middle. Targets are of the cell that a joint is in.
    """
    maps = output(raw, "hm", (None, len(_HG3D), None, None))
    depths = output(raw, "depth", (len(maps), None, *maps.shape[2:]))
    cells, scores = _greatest(maps)
    at = _around(np.broadcast_to(depths[:, : len(_HG3D)], maps.shape), cells)
    body = np.concatenate([cells / max(maps.shape[2:]), at(0, 0)[..., None]], axis=-1)
    places_px = (cells + 0.5) * _strides(maps, settings)
    for points in (body, places_px):
        points[:, _SPINE] = (points[:, _PELVIS] + points[:, _NECK]) / 2
    scores[:, _SPINE] = np.minimum(scores[:, _PELVIS], scores[:, _NECK])
    bones = np.linalg.norm(body[:, _HG3D_BONES[:, 0]] - body[:, _HG3D_BONES[:, 1]], axis=-1).sum(axis=1)
    relative = (body - body[:, [_PELVIS]]) * settings.bones_m
    relative_m = relative / np.where(bones > 0, bones, np.nan)[:, None, None]
    return DecodedJoints(places_px, relative_m[..., 2], np.clip(scores, 0.0, 1.0), relative_m=relative_m)


HEAT_MAP_DECODERS: dict[str, PoseDecoder] = {
    "heatmaps": PoseDecoder(_heat_maps, half_pixel_centers=False, outputs=("heatmaps",), gives="pixels"),
    "heatmaps_udp": PoseDecoder(
        _udp_heat_maps,
        half_pixel_centers=False,
        corner_centers=True,
        outputs=("heatmaps",),
        gives="pixels",
        refine="dark",
    ),
    "heatmaps_centered": PoseDecoder(
        _centered_heat_maps, half_pixel_centers=True, outputs=("heatmaps",), gives="pixels"
    ),
    "hg3d": PoseDecoder(_hg3d, half_pixel_centers=False, outputs=("hm", "depth"), gives="metres", ahead="crop"),
}
