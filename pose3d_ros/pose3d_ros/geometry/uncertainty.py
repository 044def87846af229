"""How unsure a position is, as a distance along its viewing ray and as a covariance."""

from __future__ import annotations

import numpy as np

from pose3d_ros.types import Array


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
