"""Joints of one skeleton as those of another, with their scores; and substitutes for joints that were not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import SKELETONS, Skeleton, convert
from pose3d_ros.stages.lift.derived_joints import Shares, sums_of
from pose3d_ros.types import Array


@dataclass(frozen=True)
class JointMap:
    """From `source` to `target` by name.

    sums: for each joint of the target the sums of the source's joints that it is, the best first (`sums_of`); none
    where the source lacks it.
    """

    source: Skeleton
    target: Skeleton
    sums: tuple[tuple[Shares, ...], ...]

    @classmethod
    def between(cls, source: Skeleton, target: Skeleton) -> JointMap:
        """The map between two skeletons of joints in 3D: by name, and means; see `skeletons.convert`."""
        shares = np.nan_to_num(convert(np.eye(len(source)), source, target))
        own = [{int(j): float(share[j]) for j in np.flatnonzero(share)} for share in shares]
        return cls(source, target, tuple((one,) if one else () for one in own))

    @classmethod
    def in_image(cls, source: Skeleton, target: Skeleton) -> JointMap:
        """The map between two skeletons of joints in the image, which are also weighted sums of others."""
        return cls(source, target, tuple(sums_of(name, source) for name in target.joints))

    @property
    def missing(self) -> tuple[str, ...]:
        """Joints of the target that the source can't give."""
        return tuple(name for name, sums in zip(self.target.joints, self.sums, strict=True) if not sums)

    def coordinates(self, points: Array) -> Array:
        """(N, J_source, C) → (N, J_target, C), NaN where no sum has all of its joints."""
        found = np.full((len(points), len(self.target), points.shape[2]), np.nan)
        for joint, sums in enumerate(self.sums):
            for shares in reversed(sums):
                value = np.einsum("njc,j->nc", points[:, list(shares)], list(shares.values()))
                found[:, joint] = np.where(np.isfinite(value).all(axis=1)[:, None], value, found[:, joint])
        return found

    def scores(self, scores: Array) -> Array:
        """(N, J_source) → (N, J_target), the least of the joints of the best sum without a 0, NaN where there is none.

        Where each sum has a 0, it is 0.
        """
        found = np.full((len(scores), len(self.target)), np.nan)
        for joint, sums in enumerate(self.sums):
            least = [scores[:, list(shares)].min(axis=1) for shares in sums]
            for value in reversed(least):
                found[:, joint] = np.where((value > 0) | np.isnan(found[:, joint]), value, found[:, joint])
        return found


def read_skeleton(entry: ManifestEntry) -> Skeleton:
    """The 2D joints that a lifter reads, its parameter `input_skeleton`. Raises EngineError for an unknown one."""
    name = entry.parameters.get("input_skeleton")
    if not isinstance(name, str) or name not in SKELETONS:
        raise EngineError(
            f"parameter input_skeleton of {entry.name}",
            expected="one of " + ", ".join(sorted(SKELETONS)),
            got=repr(name),
            fix="Name the order of the 2D joints that the lifter reads.",
        )
    return SKELETONS[name]


def input_map(entry: ManifestEntry, given: Skeleton) -> JointMap:
    """From the 2D joints that are given to those that a lifter reads.

    Raises EngineError as `read_skeleton`, and when joints that it reads can't be had of the given ones.
    """
    joints = JointMap.in_image(given, read_skeleton(entry))
    if joints.missing:
        raise EngineError(
            f"2D joints for the lifter {entry.name}",
            expected=f"all joints of {joints.target.name}",
            got=f"{given.name} without " + ", ".join(joints.missing),
            fix=f"Use a lifter that reads {given.name}, or a pose net that gives these joints.",
        )
    return joints


def fill_missing(keypoints: Array, before: npt.NDArray[np.floating]) -> tuple[Array, Array]:
    """Substitute keypoints for joints that were not seen, for a network that needs them all.

    keypoints, before: (N, J, 2), this frame's and what was held after the one before, NaN where unknown.
    Returns filled (N, J, 2) without NaN, and held (N, J, 2), to give as `before` the next time: a joint that is not
    seen moves with those seen in both frames; one that never was is the mean of the others in `filled`, NaN in `held`.
    """
    mask = np.isfinite(keypoints) & np.isfinite(before)
    shared = mask.any(axis=1, keepdims=True)
    moved = np.where(shared, _mean(keypoints - before, mask), _mean(keypoints) - _mean(before))
    anything = np.isfinite(keypoints).any(axis=(1, 2), keepdims=True)
    held = np.where(np.isfinite(keypoints), keypoints, before + np.where(anything, moved, 0.0))
    return np.where(np.isfinite(held), held, _mean(held)), held


def _mean(values: npt.NDArray[np.floating], mask: npt.NDArray[np.bool_] | None = None) -> Array:
    """Mean over the joints where the mask is, or else over finite ones: (N, J, 2) → (N, 1, 2), 0 of none."""
    used = np.isfinite(values) if mask is None else mask
    total = np.where(used, values, 0.0).sum(axis=1, keepdims=True)
    mean: Array = total / np.maximum(used.sum(axis=1, keepdims=True), 1)
    return mean
