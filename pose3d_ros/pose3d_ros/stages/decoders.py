"""What the outputs of root and pose nets mean. A manifest entry names its decoder; the functions here are pure.

`root_pose_metric` is this package's net for both roles. `3dmppe_rootnet` and `3dmppe_posenet` are the official nets
of Moon 2019: soft-argmax over 64 integer bins, x = bin / 64 · S; depth of a joint (bin / 64 · 2 − 1) · 1 m from the
root; depth of the root in millimetres.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import EngineError
from pose3d_ros.records import Array

_BINS = 64.0
_HALF_DEPTH_RANGE_M = 1.0
_MM_PER_M = 1000.0

RawOutputs = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class DecodedJoints:
    """joints_crop_px (N, J, 2), pixel centres of the crop; relative_depth_m (N, J) to the root; scores (N, J), 0–1."""

    joints_crop_px: Array
    relative_depth_m: Array
    scores: Array


@dataclass(frozen=True, eq=False)
class DecodedRoots:
    """depth_m (N,), z of the root; relative_sigma (N,), standard deviation of ln depth, NaN where the net has none."""

    depth_m: Array
    relative_sigma: Array


@dataclass(frozen=True)
class PoseDecoder:
    """decode(outputs, crop side in px). half_pixel_centres: how its crops lie, see `geometry.img2crop_affine`.

    k_input: where the graph reads Moon's distance k in metres, None for one that does not.
    """

    decode: Callable[[RawOutputs, int], DecodedJoints]
    half_pixel_centres: bool
    k_input: str | None = None


@dataclass(frozen=True)
class RootDecoder:
    """decode(outputs). k_input: where the graph reads Moon's distance k, in metres times k_per_m."""

    decode: Callable[[RawOutputs], DecodedRoots]
    half_pixel_centres: bool
    k_input: str
    k_per_m: float


def _metric_joints(raw: RawOutputs, size_px: int) -> DecodedJoints:
    return DecodedJoints(
        _output(raw, "joints_crop_px", (None, None, 2)),
        _output(raw, "relative_depth_m", (None, None)),
        np.clip(_output(raw, "joint_scores", (None, None)), 0.0, 1.0),
    )


def _metric_roots(raw: RawOutputs) -> DecodedRoots:
    return DecodedRoots(_output(raw, "root_depth_m", (None,)), np.exp(_output(raw, "root_log_sigma", (None,))))


def _posenet_joints(raw: RawOutputs, size_px: int) -> DecodedJoints:
    bins = _output(raw, "coords", (None, None, 3))
    depth_m = (bins[..., 2] / _BINS * 2.0 - 1.0) * _HALF_DEPTH_RANGE_M
    # The official net says nothing about how sure it is of a joint.
    return DecodedJoints(bins[..., :2] / _BINS * size_px, depth_m, np.ones(bins.shape[:2]))


def _rootnet_roots(raw: RawOutputs) -> DecodedRoots:
    root = _output(raw, "root", (None, 3))
    return DecodedRoots(root[:, 2] / _MM_PER_M, np.full(len(root), np.nan))


POSE_DECODERS: dict[str, PoseDecoder] = {
    "root_pose_metric": PoseDecoder(_metric_joints, half_pixel_centres=True, k_input="k_m"),
    "3dmppe_posenet": PoseDecoder(_posenet_joints, half_pixel_centres=False),
}
"""Decoders of the pose role."""

ROOT_DECODERS: dict[str, RootDecoder] = {
    "root_pose_metric": RootDecoder(_metric_roots, half_pixel_centres=True, k_input="k_m", k_per_m=1.0),
    "3dmppe_rootnet": RootDecoder(_rootnet_roots, half_pixel_centres=False, k_input="k", k_per_m=_MM_PER_M),
}
"""Decoders of the root role."""


def _output(raw: RawOutputs, name: str, shape: tuple[int | None, ...]) -> Array:
    """That output as float64. Raises EngineError when it is missing or of another shape (None: any length)."""
    array = raw.get(name)
    fits = array is not None and len(array.shape) == len(shape)
    if array is None or not fits or any(w not in (None, n) for w, n in zip(shape, array.shape, strict=True)):
        raise EngineError(
            f"output {name}",
            expected=f"shape ({', '.join('any' if n is None else str(n) for n in shape)})",
            got="no such output" if array is None else str(array.shape),
            fix="The manifest's decoder must be that of the engine.",
        )
    return array.astype(np.float64)
