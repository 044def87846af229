"""Joints of one skeleton as those of another, with their scores; and substitutes for joints that were not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import SKELETONS, Skeleton, convert
from pose3d_ros.types import Array


@dataclass(frozen=True)
class JointMap:
    """From `source` to `target` by name, as `skeletons.convert`.

    origins: for each joint of the target the joints of the source it is, or is the mean of; none where the source
    lacks it.
    """

    source: Skeleton
    target: Skeleton
    origins: tuple[tuple[int, ...], ...]

    @classmethod
    def between(cls, source: Skeleton, target: Skeleton) -> JointMap:
        """The map between two skeletons."""
        shares = np.nan_to_num(convert(np.eye(len(source)), source, target))
        return cls(source, target, tuple(tuple(np.flatnonzero(share).tolist()) for share in shares))

    @property
    def missing(self) -> tuple[str, ...]:
        """Joints of the target that the source can't give."""
        return tuple(name for name, origin in zip(self.target.joints, self.origins, strict=True) if not origin)

    def coordinates(self, points: Array) -> Array:
        """(N, J_source, C) → (N, J_target, C), NaN where an origin is NaN or there is none."""
        return convert(points, self.source, self.target)

    def scores(self, scores: Array) -> Array:
        """(N, J_source) → (N, J_target), the least of each joint's origins, NaN where there is none."""
        columns = [scores[:, list(o)].min(axis=1) if o else np.full(len(scores), np.nan) for o in self.origins]
        mapped: Array = np.stack(columns, axis=1)
        return mapped


def input_map(entry: ManifestEntry, given: Skeleton) -> JointMap:
    """From the 2D joints that are given to those that a lifter reads, its parameter `input_skeleton`.

    Raises EngineError for an unknown skeleton, and when joints that it has can't be had of the given ones.
    """
    name = entry.parameters.get("input_skeleton")
    if not isinstance(name, str) or name not in SKELETONS:
        raise EngineError(
            f"parameter input_skeleton of {entry.name}",
            expected="one of " + ", ".join(sorted(SKELETONS)),
            got=repr(name),
            fix="Name the order of the 2D joints that the lifter reads.",
        )
    joints = JointMap.between(given, SKELETONS[name])
    if joints.missing:
        raise EngineError(
            f"2D joints for the lifter {entry.name}",
            expected=f"all joints of {name}",
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
