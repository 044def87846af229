"""Viewing rays: the turn towards them, and uncertainty along them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array


def rotation_to_rays(rays: npt.ArrayLike) -> Array:
    """The smallest rotation that turns the optical axis (0, 0, 1) onto each ray.

    What a network that sees only a crop calls "ahead" is the ray through the crop's center; its joints become those of
    the camera by `joints @ rotation.T` (MeTRAbs gets the same by turning a virtual camera towards the crop).
    rays: (..., 3) with z above 0, of any length. Returns (..., 3, 3); NaN for a ray with NaN.
    Raises InputError for another shape, and for a ray that does not point ahead.
    """
    given = np.asarray(rays, dtype=np.float64)
    if given.ndim < 1 or given.shape[-1] != 3 or (given[..., 2] <= 0).any():
        raise InputError(
            "rays", expected="(..., 3) with z above 0", got=f"shape {given.shape}", fix="Give rays of `Camera.rays`."
        )
    x, y, z = np.moveaxis(given / np.linalg.norm(given, axis=-1, keepdims=True), -1, 0)
    # Rodrigues' formula for the axis (-y, x, 0), whose length is the angle's sine; 1 + z is never small.
    xx, xy, yy = x * x / (1 + z), x * y / (1 + z), y * y / (1 + z)
    rotation: Array = np.moveaxis(np.array([[1 - xx, -xy, x], [-xy, 1 - yy, y], [-x, -y, z]]), (0, 1), (-2, -1))
    return rotation


def ray_covariance_m2(point_cam_m: Array, sigma_m: float) -> Array | None:
    """Covariance (3, 3) of a point whose distance has the standard deviation sigma_m; across the ray it is 0.

    point_cam_m: (3,) in the camera's optical frame. None when the deviation is NaN or the point is at the origin.
    """
    distance_m = float(np.linalg.norm(point_cam_m))
    if not (np.isfinite(sigma_m) and distance_m > 0):
        return None
    ray = point_cam_m / distance_m
    return np.asarray(np.outer(ray, ray) * sigma_m**2, dtype=np.float64)


def ray_sigma_m(point_cam_m: Array, covariance_m2: Array) -> float:
    """Standard deviation of the point's distance under a covariance (3, 3); NaN for a point at the origin."""
    distance_m = float(np.linalg.norm(point_cam_m))
    if not distance_m > 0:
        return float("nan")
    ray = point_cam_m / distance_m
    return float(np.sqrt(max(float(ray @ covariance_m2 @ ray), 0.0)))
