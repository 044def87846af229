"""Constant-velocity Kalman filters of points in metres, measured as direction and ln of distance; batched over tracks.

State: position (m) and velocity (m/s), mean (T, 6) and covariance (T, 6, 6), float64. The velocity does a random walk
(continuous white-noise acceleration: Bar-Shalom 2001, Estimation with Applications to Tracking, sec. 6.2.2), so that
the result does not depend on the frame rate.
"""

from __future__ import annotations

import numpy as np

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.types import Array

_EYE3 = np.eye(3)
_TINY = 1e-12


def initial(position_m: Array, direction_sigma: float, log_sigma: float, speed_sigma_mps: float) -> tuple[Array, Array]:
    """Mean and covariance (6,), (6, 6) of a track that was seen once, with deviations of direction and ln distance."""
    mean = np.concatenate((position_m, np.zeros(3)))
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = ray_noise_m2(position_m, np.asarray(direction_sigma), np.asarray(log_sigma))
    covariance[3:, 3:] = speed_sigma_mps**2 * _EYE3
    return mean, covariance


def predict(mean: Array, covariance: Array, dt_s: float, decay_s: Array, velocity_walk: Array) -> tuple[Array, Array]:
    """Advance by dt_s.

    decay_s: (T,) time in which a track's velocity falls to 1/e, inf to keep it. velocity_walk: (T,) standard
    deviation of the velocity's change within one second, m/s.
    """
    keep = np.exp(-dt_s / decay_s)
    finite = np.isfinite(decay_s)
    reach_s = np.where(finite, np.where(finite, decay_s, 1.0) * (1.0 - keep), dt_s)
    transition = np.tile(np.eye(6), (len(mean), 1, 1))
    transition[:, :3, 3:] = reach_s[:, None, None] * _EYE3
    transition[:, 3:, 3:] = keep[:, None, None] * _EYE3
    moved = (transition @ mean[..., None])[..., 0]
    return moved, transition @ covariance @ transition.transpose(0, 2, 1) + _walk_noise(dt_s, velocity_walk)


def ray_noise_m2(points_cam_m: Array, direction_sigma: Array, log_sigma: Array) -> Array:
    """Covariance (..., 3, 3) of points (..., 3) with deviations (...) of direction, rad, and of ln of distance."""
    squared_m2 = (points_cam_m**2).sum(axis=-1)[..., None, None]
    along = points_cam_m[..., :, None] * points_cam_m[..., None, :]
    across = squared_m2 * _EYE3 - along
    noise: Array = log_sigma[..., None, None] ** 2 * along + direction_sigma[..., None, None] ** 2 * across
    return noise


def seen_from(position_m: Array, point_m: Array) -> Array:
    """Points (..., 3) as a linear filter at positions (..., 3) has to see them.

    What is measured is the direction and ln of the distance, errors of which are normal where those of metres are not.
    Linearized about the position this is a measurement of the position itself: the point at the angle between both, of
    length distance times angle, and ahead by distance times ln of the ratio of the distances; its noise is that of
    `ray_noise_m2` at the position.
    """
    distance_m = np.linalg.norm(position_m, axis=-1, keepdims=True)
    measured_m = np.linalg.norm(point_m, axis=-1, keepdims=True)
    ray, measured = position_m / distance_m, point_m / measured_m
    cosine = (ray * measured).sum(axis=-1, keepdims=True)
    across = measured - cosine * ray
    sine = np.linalg.norm(across, axis=-1, keepdims=True)
    angle = np.arctan2(sine, cosine)
    turned = across * (angle / np.maximum(sine, _TINY))
    seen: Array = position_m + distance_m * (turned + ray * np.log(measured_m / distance_m))
    return seen


def innovations(
    mean: Array, covariance: Array, points_m: Array, direction_sigma: Array, log_sigma: Array
) -> tuple[Array, Array]:
    """Squared Mahalanobis distance and ln det of the innovation covariance of every pair, (T, N) each.

    points_m (N, 3) measured with deviations (N,) of direction and ln of distance. The determinant is that in metres
    across the ray and ln of distance along it, in which nets err alike near and far.
    """
    positions_m = mean[:, None, :3]
    noise_m2 = ray_noise_m2(positions_m, direction_sigma[None], log_sigma[None])
    spread = covariance[:, None, :3, :3] + noise_m2
    difference = seen_from(positions_m, points_m[None]) - positions_m
    solved = np.linalg.solve(spread, difference[..., None])[..., 0]
    squared: Array = (difference * solved).sum(axis=-1)
    return squared, np.linalg.slogdet(spread)[1] - np.log((positions_m**2).sum(axis=-1))


def update(
    mean: Array, covariance: Array, point_m: Array, direction_sigma: float, log_sigma: float
) -> tuple[Array, Array]:
    """One track, (6,), (6, 6), after a measurement, in Joseph's form: it stays symmetric and positive."""
    noise_m2 = ray_noise_m2(mean[:3], np.asarray(direction_sigma), np.asarray(log_sigma))
    gain = np.linalg.solve(covariance[:3, :3] + noise_m2, covariance[:3]).T
    rest = np.eye(6)
    rest[:, :3] -= gain
    return mean + gain @ (
        seen_from(mean[:3], point_m) - mean[:3]
    ), rest @ covariance @ rest.T + gain @ noise_m2 @ gain.T


def turned(mean: Array, covariance: Array, before2now: RigidTransform) -> tuple[Array, Array]:
    """Filters (T, 6), (T, 6, 6) in the camera's frame of now, of those in its frame before it moved."""
    rotation = np.kron(np.eye(2), before2now.rotation)
    moved = np.concatenate([before2now.apply(mean[:, :3]), before2now.rotate(mean[:, 3:])], axis=1)
    return moved, rotation @ covariance @ rotation.T


def _walk_noise(dt_s: float, velocity_walk: Array) -> Array:
    noise = np.empty((6, 6))
    noise[:3, :3] = dt_s**3 / 3 * _EYE3
    noise[:3, 3:] = noise[3:, :3] = dt_s**2 / 2 * _EYE3
    noise[3:, 3:] = dt_s * _EYE3
    return velocity_walk[:, None, None] ** 2 * noise
