"""Alignment: rigid motions between frames, and rigid and similarity alignment of point sets."""

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

    def quaternion_xyzw(self) -> tuple[float, float, float, float]:
        """The rotation as a quaternion of length 1, in ROS's order, w not negative (Bar-Itzhack 2000)."""
        r = self.rotation
        trace, skew = np.trace(r), np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
        matrix = np.empty((4, 4))
        matrix[:3, :3] = r + r.T - trace * np.eye(3)
        matrix[:3, 3] = matrix[3, :3] = skew
        matrix[3, 3] = trace
        x, y, z, w = np.linalg.eigh(matrix)[1][:, -1].tolist()
        return (x, y, z, w) if w >= 0 else (-x, -y, -z, -w)

    def apply(self, points_source_m: npt.NDArray[np.float64]) -> Array:
        """Points (..., 3) of the source frame in the target frame; NaN stays NaN."""
        return points_source_m @ self.rotation.T + self.translation_m

    def after(self, first: RigidTransform) -> RigidTransform:
        """Both, one after the other: from the first's source frame to this target frame."""
        return RigidTransform(self.rotation @ first.rotation, self.apply(first.translation_m))

    def inverse(self) -> RigidTransform:
        """From the target frame to the source frame."""
        turn = self.rotation.T
        return RigidTransform(turn, -turn @ self.translation_m)

    def rotate(self, vectors_source: npt.NDArray[np.float64]) -> Array:
        """Directions or velocities (..., 3) of the source frame in the target frame."""
        return vectors_source @ self.rotation.T

    def rotate_covariance(self, covariance_source_m2: npt.NDArray[np.float64]) -> Array:
        """A covariance (3, 3) of the source frame in the target frame."""
        return np.asarray(self.rotation @ covariance_source_m2 @ self.rotation.T)


def similarity_align(source: npt.ArrayLike, target: npt.ArrayLike, scale: bool = True) -> Array:
    """Move the source onto the target by the rotation, translation and scale of least squared error.

    Umeyama 1991, eqs. 40–43: no reflection. Joints that are NaN in either set don't take part; those that only the
    target lacks are moved with the rest.

    Parameters
    ----------
    source, target : array_like
        (..., J, 3), the same shape, any unit.
    scale : bool
        Without, it is the rigid alignment (Kabsch) of the official 3DMPPE evaluation.

    Returns
    -------
    ndarray
        The source's shape, float64; all NaN where fewer than one joint is left.

    Raises
    ------
    InputError
        For shapes that differ or do not end in (J, 3).
    """
    moving, fixed = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if moving.shape != fixed.shape or moving.ndim < 2 or moving.shape[-1] != 3:
        raise InputError(
            "point sets",
            expected="two arrays (..., J, 3) of one shape",
            got=f"{moving.shape} and {fixed.shape}",
            fix="Convert both to the same skeleton.",
        )
    valid = np.isfinite((moving + fixed).sum(axis=-1))[..., None]
    count = valid.sum(axis=-2, keepdims=True).astype(np.float64)
    weight = np.where(count > 0, valid / np.maximum(count, 1.0), np.nan)
    moving_mean, fixed_mean = _weighted_mean(moving, valid, weight), _weighted_mean(fixed, valid, weight)
    moving_0, fixed_0 = moving - moving_mean, fixed - fixed_mean
    rotation, factor = _rotation_and_scale(np.where(valid, moving_0, 0.0), np.where(valid, fixed_0, 0.0))
    if not scale:
        factor = np.ones_like(factor)
    return factor * moving_0 @ np.swapaxes(rotation, -1, -2) + fixed_mean


def _weighted_mean(points: Array, valid: npt.NDArray[np.bool_], weight: Array) -> Array:
    mean: Array = (np.where(valid, points, 0.0) * weight).sum(axis=-2, keepdims=True)
    return mean


def _rotation_and_scale(moving: Array, fixed: Array) -> tuple[Array, Array]:
    """R (..., 3, 3) and c (..., 1, 1) that minimize |fixed - c R moving| for centered point sets."""
    left, stretch, right = np.linalg.svd(np.swapaxes(fixed, -1, -2) @ moving)
    mirror = np.ones_like(stretch)
    mirror[..., -1] = np.where(np.linalg.det(left) * np.linalg.det(right) < 0, -1.0, 1.0)
    rotation = (left * mirror[..., None, :]) @ right
    spread = np.square(moving).sum(axis=(-2, -1))
    # A set whose points coincide has no size to scale.
    factor = np.where(spread > 0, (stretch * mirror).sum(axis=-1) / np.where(spread > 0, spread, 1.0), 1.0)
    return rotation, factor[..., None, None]
