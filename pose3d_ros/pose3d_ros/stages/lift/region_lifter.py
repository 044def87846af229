"""Lifting of landmarks that a net found in a region's crop: 3D joints in the crop's axes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.errors import InputError
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.stages.entry_checks import skeleton_of, wrong_parameter
from pose3d_ros.stages.lift.lift_decoders import LiftSizes, lift_net
from pose3d_ros.stages.lift.lift_features import region_features
from pose3d_ros.types import Array

_FEATURES = 3


class RegionLifter:
    """Lifts the people of a frame in one run of a lifter whose parameter `input` is `region`.

    The net's inputs (N, L, 3) are `region_features` of the landmarks that the parameter `landmarks` names, its outputs
    (N, J, 3) joints from the skeleton's root, metres, in the axes of the crop: x right, y down, z away along the ray
    through the region's center. Raises EngineError for another decoder or engine and for parameters that do not fit.
    """

    def __init__(self, model: RoleEngine, given: Skeleton | None = None) -> None:
        """given: the landmarks' skeleton, by default mediapipe33."""
        self._given = given or get_skeleton("mediapipe33")
        self.skeleton = skeleton_of(model.entry)
        self._read = _landmarks(model.entry, self._given)
        sizes = LiftSizes(len(self._read), _FEATURES, len(self.skeleton))
        self._net = lift_net(model, sizes)

    def __call__(self, landmarks_crop_px: Array, visibility: Array, size_px: int = 256) -> Array:
        """Joints (N, J, 3) from the root, metres, in the axes of each crop.

        landmarks_crop_px: (N, M, 2) pixels of square crops, size_px wide, whose first M are the given skeleton's.
        visibility: (N, M), 0–1. Raises InputError for shapes that do not fit, EngineError when the engine fails.
        """
        count = len(self._given)
        if landmarks_crop_px.ndim != 3 or landmarks_crop_px.shape[1] < count or landmarks_crop_px.shape[2] < 2:
            raise InputError(
                "landmarks", expected=f"(N, {count} or more, 2)", got=f"shape {landmarks_crop_px.shape}",
                fix=f"Give the landmarks of {self._given.name}.",
            )  # fmt: skip
        if not len(landmarks_crop_px):
            return np.zeros((0, len(self.skeleton), 3))
        features = region_features(landmarks_crop_px[:, self._read, :2], visibility[:, self._read], size_px)
        joints, _ = self._net.lift(features, self._net.begin(features))
        from_root: Array = joints.astype(np.float64) - joints[:, [self.skeleton.root]]
        return from_root


def is_region_lifter(entry: ManifestEntry) -> bool:
    """Whether an entry's lifter reads landmarks in a region's crop."""
    return "lifter" in entry.roles and entry.parameters.get("input") == "region"


def _landmarks(entry: ManifestEntry, given: Skeleton) -> npt.NDArray[np.int64]:
    names = entry.parameters.get("landmarks")
    if not isinstance(names, list) or not names or any(name not in given.index_of for name in names):
        raise wrong_parameter(entry, "landmarks", f"a list of joints of {given.name}", names)
    if entry.parameters.get("input") != "region":
        raise wrong_parameter(entry, "input", "region", entry.parameters.get("input"))
    return np.array([given.index_of[str(name)] for name in names])
