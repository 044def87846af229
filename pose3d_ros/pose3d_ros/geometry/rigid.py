"""Rigid motions between frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array


@dataclass(frozen=True, eq=False)
class RigidTransform:
    """Maps points of a source frame to a target frame: p_target = rotation @ p_source + translation_m.

    rotation: (3, 3) float64, proper. translation_m: (3,) float64, the source's origin in the target frame.
    """

    rotation: Array
    translation_m: Array

    @classmethod
    def from_quaternion(cls, quaternion_xyzw: Sequence[float], translation_m: Sequence[float]) -> RigidTransform:
        """From a quaternion x, y, z, w (ROS's order; normalized here). Raises InputError for a zero or NaN one."""
        quaternion = np.asarray(quaternion_xyzw, dtype=np.float64)
        norm = float(np.linalg.norm(quaternion))
        if quaternion.shape != (4,) or not (np.isfinite(norm) and norm > 0):
            raise InputError(
                "rotation",
                expected="a quaternion x, y, z, w that is not zero",
                got=f"{quaternion.tolist()}",
                fix="Look at who publishes this transform.",
            )
        axis, w = quaternion[:3] / norm, float(quaternion[3]) / norm
        cross = np.array([[0.0, -axis[2], axis[1]], [axis[2], 0.0, -axis[0]], [-axis[1], axis[0], 0.0]])
        rotation = np.eye(3) + 2.0 * (w * cross + cross @ cross)  # Rodrigues' formula with the half angle
        return cls(rotation, np.asarray(translation_m, dtype=np.float64))

    def apply(self, points_source_m: npt.NDArray[np.float64]) -> Array:
        """Points (..., 3) of the source frame in the target frame; NaN stays NaN."""
        return points_source_m @ self.rotation.T + self.translation_m

    def rotate(self, vectors_source: npt.NDArray[np.float64]) -> Array:
        """Directions or velocities (..., 3) of the source frame in the target frame."""
        return vectors_source @ self.rotation.T

    def rotate_covariance(self, covariance_source_m2: npt.NDArray[np.float64]) -> Array:
        """A covariance (3, 3) of the source frame in the target frame."""
        return np.asarray(self.rotation @ covariance_source_m2 @ self.rotation.T)
