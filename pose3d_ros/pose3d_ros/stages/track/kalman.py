"""Constant-velocity Kalman filters of points in the camera frame, batched over tracks.

State: position (m) and velocity (m/s), mean (T, 6) and covariance (T, 6, 6), float64. The velocity does a random walk
(continuous white-noise acceleration: Bar-Shalom 2001, Estimation with Applications to Tracking, sec. 6.2.2), so that
the result does not depend on the frame rate.
"""

from __future__ import annotations

import numpy as np

from pose3d_ros.types import Array

_EYE3 = np.eye(3)


def initial(position_m: Array, noise_m2: Array, speed_sigma_mps: float) -> tuple[Array, Array]:
    """Mean and covariance (6,), (6, 6) of a track that was seen once. noise_m2: (3, 3) of the measurement."""
    mean = np.concatenate((position_m, np.zeros(3)))
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = noise_m2
    covariance[3:, 3:] = speed_sigma_mps**2 * _EYE3
    return mean, covariance


def predict(mean: Array, covariance: Array, dt_s: float, decay_s: Array, velocity_walk: float) -> tuple[Array, Array]:
    """Advance by dt_s.

    decay_s: (T,) time in which a track's velocity falls to 1/e, inf to keep it. velocity_walk: standard deviation of
    the velocity's change within one second, m/s.
    """
    keep = np.exp(-dt_s / decay_s)
    finite = np.isfinite(decay_s)
    reach_s = np.where(finite, np.where(finite, decay_s, 1.0) * (1.0 - keep), dt_s)
    transition = np.tile(np.eye(6), (len(mean), 1, 1))
    transition[:, :3, 3:] = reach_s[:, None, None] * _EYE3
    transition[:, 3:, 3:] = keep[:, None, None] * _EYE3
    moved = (transition @ mean[..., None])[..., 0]
    return moved, transition @ covariance @ transition.transpose(0, 2, 1) + _walk_noise(dt_s, velocity_walk)


def ray_noise_m2(points_cam_m: Array, along_sigma_m: Array, across_sigma_m: Array) -> Array:
    """Covariance (N, 3, 3) of points measured along their viewing rays with one sigma and across them with another."""
    rays = points_cam_m / np.linalg.norm(points_cam_m, axis=-1, keepdims=True)
    outer = rays[:, :, None] * rays[:, None, :]
    noise: Array = (along_sigma_m**2)[:, None, None] * outer + (across_sigma_m**2)[:, None, None] * (_EYE3 - outer)
    return noise


def innovations(mean: Array, covariance: Array, points_m: Array, noise_m2: Array) -> tuple[Array, Array]:
    """Squared Mahalanobis distance and ln det of the innovation covariance of every pair, (T, N) each.

    points_m (N, 3) measured with noise_m2 (N, 3, 3).
    """
    spread = covariance[:, None, :3, :3] + noise_m2[None]
    difference = points_m[None] - mean[:, None, :3]
    solved = np.linalg.solve(spread, difference[..., None])[..., 0]
    squared: Array = (difference * solved).sum(axis=-1)
    return squared, np.linalg.slogdet(spread)[1]


def update(mean: Array, covariance: Array, point_m: Array, noise_m2: Array) -> tuple[Array, Array]:
    """One track, (6,), (6, 6), after a measurement, in Joseph's form: it stays symmetric and positive."""
    gain = np.linalg.solve(covariance[:3, :3] + noise_m2, covariance[:3]).T
    rest = np.eye(6)
    rest[:, :3] -= gain
    return mean + gain @ (point_m - mean[:3]), rest @ covariance @ rest.T + gain @ noise_m2 @ gain.T


def _walk_noise(dt_s: float, velocity_walk: float) -> Array:
    noise = np.empty((6, 6))
    noise[:3, :3] = dt_s**3 / 3 * _EYE3
    noise[:3, 3:] = noise[3:, :3] = dt_s**2 / 2 * _EYE3
    noise[3:, 3:] = dt_s * _EYE3
    return velocity_walk**2 * noise
