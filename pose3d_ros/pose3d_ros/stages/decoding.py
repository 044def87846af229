"""What decoders of root and pose nets are made of: records, settings, and the check of an output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.errors import EngineError
from pose3d_ros.stages.entry_checks import choice_parameter, joints_parameter, real_parameter
from pose3d_ros.types import Array

RawOutputs = Mapping[str, npt.NDArray[np.generic]]

Gives = Literal["pixels", "depth", "metres"]
"""What a pose net says of a joint: only where it is seen, also its depth from the root, or its place from the root."""

Ahead = Literal["camera", "crop"]


@dataclass(frozen=True, eq=False)
class DecodedJoints:
    """joints_crop_px (N, J, 2), pixel centres of the crop; relative_depth_m (N, J) to the root; scores (N, J), 0–1.

    mirror_sum_px: an x and that of its mirror image added up, by the net's own convention; None: the crop's side − 1.
    relative_m (N, J, 3): the joints from the root or from any other point of the person, metres, for nets that give
    metres; z is relative_depth_m. Joints and depths that a net does not give are NaN.
    """

    joints_crop_px: Array
    relative_depth_m: Array
    scores: Array
    mirror_sum_px: float | None = None
    relative_m: Array | None = None

    def chosen(self, joints: tuple[int, ...] | None) -> DecodedJoints:
        """Some of the joints, in that order; None: all. Raises EngineError where the net has fewer."""
        if joints is None:
            return self
        at, count = list(joints), self.scores.shape[1]
        if max(at) >= count:
            raise EngineError(
                "parameter joints", expected=f"up to {count} joints", got=str(max(at) + 1), fix="Correct the manifest."
            )
        return replace(
            self,
            joints_crop_px=self.joints_crop_px[:, at],
            relative_depth_m=self.relative_depth_m[:, at],
            scores=self.scores[:, at],
            relative_m=None if self.relative_m is None else self.relative_m[:, at],
        )


@dataclass(frozen=True, eq=False)
class DecodedRoots:
    """depth_m (N,), z of the root; relative_sigma (N,), standard deviation of ln depth, NaN where the net has none."""

    depth_m: Array
    relative_sigma: Array


@dataclass(frozen=True)
class PoseSettings:
    """What a pose decoder is told besides the outputs.

    width_px, height_px: of the crops. joints: those to take of the net's, in the skeleton's order, None for all.
    split_ratio: bins a pixel of SimCC. z_range_m: of `simcc_3d`, from the root to the last depth bin. depth_range_m: of
    an integral volume, from its first to its last bin. metres_per_unit: of 3D outputs. ahead: where their z points,
    along the camera's optical axis or along the ray through the crop's centre.
    """

    width_px: int
    height_px: int
    joints: tuple[int, ...] | None = None
    split_ratio: float = 2.0
    z_range_m: float = 2.1744869
    depth_range_m: float = 2.0
    metres_per_unit: float = 1.0
    ahead: Ahead = "camera"


@dataclass(frozen=True)
class PoseDecoder:
    """decode(outputs, settings). half_pixel_centres: how its crops lie, see `geometry.img2crop_affine`.

    outputs: the names it reads, in the documented order. gives: see Gives. k_input: where the graph reads Moon's
    distance k in metres, None for one that does not. square: whether its crops must be. hip_centred: whether depths are
    from the middle of the hips, also for skeletons with another root. metres_per_unit, ahead: defaults of the settings.
    box_inset_px: what its boxes lack on each side, see `geometry.aspect_box`.
    """

    decode: Callable[[RawOutputs, PoseSettings], DecodedJoints]
    half_pixel_centres: bool
    outputs: tuple[str, ...]
    gives: Gives = "depth"
    k_input: str | None = None
    square: bool = False
    hip_centred: bool = False
    metres_per_unit: float = 1.0
    ahead: Ahead = "camera"
    box_inset_px: float = 0.0


@dataclass(frozen=True)
class RootDecoder:
    """decode(outputs). k_input: where the graph reads Moon's distance k, in metres times k_per_m.

    half_pixel_centres, box_inset_px: as in PoseDecoder.
    """

    decode: Callable[[RawOutputs], DecodedRoots]
    half_pixel_centres: bool
    outputs: tuple[str, ...]
    k_input: str
    k_per_m: float
    box_inset_px: float = 0.0


def read_pose_settings(entry: ManifestEntry, decoder: PoseDecoder, size_px: tuple[int, int]) -> PoseSettings:
    """The settings in an entry's parameters. Raises EngineError for a value that can't be used."""
    return PoseSettings(
        *size_px,
        joints=joints_parameter(entry),
        split_ratio=real_parameter(entry, "split_ratio", PoseSettings.split_ratio),
        z_range_m=real_parameter(entry, "z_range_m", PoseSettings.z_range_m),
        depth_range_m=real_parameter(entry, "depth_range_m", PoseSettings.depth_range_m),
        metres_per_unit=real_parameter(entry, "metres_per_unit", decoder.metres_per_unit),
        ahead="crop" if choice_parameter(entry, "ahead", ("camera", "crop"), decoder.ahead) == "crop" else "camera",
    )


def output(raw: RawOutputs, name: str, shape: tuple[int | None, ...]) -> Array:
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
