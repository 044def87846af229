"""What decoders of root and pose nets are made of: records, settings, and the flip test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.entry_checks import (
    choice_parameter,
    integer_parameter,
    joints_parameter,
    real_parameter,
    wrong_parameter,
)
from pose3d_ros.stages.io_matching import RawOutputs
from pose3d_ros.stages.keypoints import DecodedRoots
from pose3d_ros.types import Array

Gives = Literal["pixels", "depth", "metres"]
"""What a pose net gives of a joint: its pixels only, also its depth from the root, or its metric position."""

Ahead = Literal["camera", "crop"]
Refine = Literal["quarter", "dark", "none"]
"""How the place in a heat map's greatest cell is found."""


@dataclass(frozen=True, eq=False)
class DecodedJoints:
    """joints_crop_px (N, J, 2), pixel centers of the crop; relative_depth_m (N, J) to the root; scores (N, J), 0–1.

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

    def of_people(self, at: npt.NDArray[np.intp]) -> DecodedJoints:
        """Those of some people."""
        return self._mapped(lambda values: values[at])

    def followed_by(self, others: DecodedJoints) -> DecodedJoints:
        """These people and others behind them, of the same net."""
        return self._mapped(lambda values, more: np.concatenate([values, more]), others)

    def with_people(self, at: npt.NDArray[np.intp], others: DecodedJoints) -> DecodedJoints:
        """With others in the place of some people."""

        def put(values: Array, more: Array) -> Array:
            changed = values.copy()
            changed[at] = more
            return changed

        return self._mapped(put, others)

    def _mapped(self, change: Callable[..., Array], *others: DecodedJoints) -> DecodedJoints:
        every = (self, *others)
        relative_m = [joints.relative_m for joints in every]
        return replace(
            self,
            joints_crop_px=change(*(joints.joints_crop_px for joints in every)),
            relative_depth_m=change(*(joints.relative_depth_m for joints in every)),
            scores=change(*(joints.scores for joints in every)),
            relative_m=None if self.relative_m is None else change(*relative_m),
        )

    def mean_with_mirrored(self, skeleton: Skeleton, size_px: int) -> DecodedJoints:
        """The flip test: outputs for N crops followed by their mirror images (2N) → N (3DMPPE's testing code).

        Pixel x of a mirror image is size_px - 1 - x of the crop unless the net's decoder says otherwise, its metric x
        is the negative, and its left joints are the right ones. size_px: width of the crops.
        """
        mirror_sum_px = size_px - 1 if self.mirror_sum_px is None else self.mirror_sum_px
        people, order = len(self.scores) // 2, list(skeleton.flip_order)
        mirrored_px = self.joints_crop_px[people:, order].copy()
        mirrored_px[..., 0] = mirror_sum_px - mirrored_px[..., 0]
        relative_m = self.relative_m
        if relative_m is not None:
            relative_m = (relative_m[:people] + relative_m[people:, order] * [-1.0, 1.0, 1.0]) / 2
        return DecodedJoints(
            (self.joints_crop_px[:people] + mirrored_px) / 2,
            (self.relative_depth_m[:people] + self.relative_depth_m[people:, order]) / 2,
            (self.scores[:people] + self.scores[people:, order]) / 2,
            relative_m=relative_m,
        )


@dataclass(frozen=True)
class PoseSettings:
    """What a pose decoder reads besides the outputs.

    width_px, height_px: of the crops. joints: those to take of the net's, in the skeleton's order, None for all.
    skeleton: the name of that order, None unless known.
    split_ratio: bins a pixel of SimCC. z_range_m: of `simcc_3d`, from the root to the last depth bin. depth_range_m: of
    an integral volume, from its first to its last bin. metres_per_unit: of 3D outputs. ahead: where their z points,
    along the camera's optical axis or along the ray through the crop's center. refine: of heat maps, a quarter of a
    cell towards the greater neighbor, a Taylor expansion of the log map, blurred by a kernel of blur_cells, or
    nothing. bones_m: length of all bones together of `hg3d`.
    """

    width_px: int
    height_px: int
    joints: tuple[int, ...] | None = None
    skeleton: str | None = None
    split_ratio: float = 2.0
    z_range_m: float = 2.1744869
    depth_range_m: float = 2.0
    metres_per_unit: float = 1.0
    ahead: Ahead = "camera"
    refine: Refine = "quarter"
    blur_cells: int = 11
    bones_m: float = 4.0


@dataclass(frozen=True)
class PoseDecoder:
    """decode(outputs, settings). half_pixel_centers, corner_centers: its crops, see `geometry.crop.img2crop_affine`.

    outputs: the names it reads, in the documented order. gives: see Gives. k_input: where the graph reads Moon's
    distance k, in metres times k_per_m, None for one that does not. square: whether its crops must be. hip_centered:
    whether depths are from the middle of the hips, also for skeletons with another root. metres_per_unit, ahead,
    refine: defaults of the settings. box_inset_px: what its boxes lack on each side, see `geometry.crop.aspect_box`.
    """

    decode: Callable[[RawOutputs, PoseSettings], DecodedJoints]
    half_pixel_centers: bool
    outputs: tuple[str, ...]
    gives: Gives = "depth"
    k_input: str | None = None
    square: bool = False
    hip_centered: bool = False
    metres_per_unit: float = 1.0
    ahead: Ahead = "camera"
    box_inset_px: float = 0.0
    k_per_m: float = 1.0
    corner_centers: bool = False
    refine: Refine = "quarter"


@dataclass(frozen=True)
class RootDecoder:
    """decode(outputs). k_input: where the graph reads Moon's distance k, in metres times k_per_m.

    half_pixel_centers, box_inset_px, corner_centers: as in PoseDecoder.
    """

    decode: Callable[[RawOutputs], DecodedRoots]
    half_pixel_centers: bool
    outputs: tuple[str, ...]
    k_input: str
    k_per_m: float
    box_inset_px: float = 0.0
    corner_centers: bool = False


def read_pose_settings(entry: ManifestEntry, decoder: PoseDecoder, size_px: tuple[int, int]) -> PoseSettings:
    """The settings in an entry's parameters. Raises EngineError for a value that can't be used."""
    return PoseSettings(
        *size_px,
        joints=joints_parameter(entry),
        skeleton=entry.skeleton,
        split_ratio=real_parameter(entry, "split_ratio", PoseSettings.split_ratio),
        z_range_m=real_parameter(entry, "z_range_m", PoseSettings.z_range_m),
        depth_range_m=real_parameter(entry, "depth_range_m", PoseSettings.depth_range_m),
        metres_per_unit=real_parameter(entry, "metres_per_unit", decoder.metres_per_unit),
        ahead="crop" if choice_parameter(entry, "ahead", ("camera", "crop"), decoder.ahead) == "crop" else "camera",
        refine=_refine_parameter(entry, decoder.refine),
        blur_cells=_blur_parameter(entry),
        bones_m=real_parameter(entry, "bones_m", PoseSettings.bones_m),
    )


def _refine_parameter(entry: ManifestEntry, default: Refine) -> Refine:
    choices: tuple[Refine, ...] = get_args(Refine)
    return choices[choices.index(choice_parameter(entry, "refine", choices, default))]


def _blur_parameter(entry: ManifestEntry) -> int:
    cells = integer_parameter(entry, "blur_cells", PoseSettings.blur_cells)
    if cells % 2 == 0:
        raise wrong_parameter(entry, "blur_cells", "an odd number of cells", cells)
    return cells
