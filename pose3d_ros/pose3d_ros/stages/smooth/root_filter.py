"""Kalman filter of people's roots: nearly constant velocity, and a distance that is far less sure than the direction.

How much the measured distance varies from frame to frame depends on what it was read from: by a per cent or more from
people's size, hardly at all from a depth image. Its stated standard deviation does not tell, since most of that may be
an error that lasts, so the filter learns it from its own innovations, each person's by itself (Mehra 1970), with the
stated one as its bound. What comes out moves on at the velocity of the filter, drawn towards its position within a
sixth of a second, so that it has no steps and, at constant velocity, no lag.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pose3d_ros.types import Array

_ACCELERATION = 1.0
"""Spectral density of a person's acceleration, m²/s³: that of someone who turns and stops in everyday walking."""
_SPEED_MPS = 1.0
"""Standard deviation of a person's velocity when first seen."""
_ACROSS = 0.006
"""Standard deviation of the measured direction, radians: with ten pixels of a usual camera far more than a root's."""
_LEAST_ALONG, _MOST_ALONG = 0.002, 0.01
"""Of the distance, as a share of it: bounds of what is learned. What varies by more varies slowly: to smooth it would
be to lag."""
_LEARNING_S, _DRAWN_S = 1.0, 0.15
_SURPRISE = 9.0
"""Squared Mahalanobis distance from which a measurement counts less."""


@dataclass(frozen=True, eq=False)
class RootTrack:
    """A root's mean (6,), position and velocity in the camera's frame, its covariance (6, 6), metres and seconds.

    along: standard deviation of the measured distance as a share of it. smooth_m (3,): the position that comes out.
    """

    mean: Array
    covariance: Array
    along: float
    smooth_m: Array


def updated_tracks(tracks: Sequence[RootTrack | None], roots_m: Array, sigmas_m: Array, dt_s: Array) -> list[RootTrack]:
    """The tracks of N people after their roots were measured at roots_m (N, 3), in front of the camera.

    tracks: None for people who are seen for the first time. sigmas_m (N,): standard deviations of the distances, NaN
    where not known. dt_s (N,): since a track's last measurement.
    """
    known = [i for i, track in enumerate(tracks) if track is not None]
    moved = _moved([t for t in tracks if t is not None], roots_m[known], sigmas_m[known], dt_s[known])
    newest = dict(zip(known, moved, strict=True))
    return [newest.get(i) or _first(roots_m[i], sigmas_m[i]) for i in range(len(tracks))]


def _first(root_m: Array, sigma_m: Array) -> RootTrack:
    along = _bound(root_m, sigma_m)
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = _measured_covariance(root_m, along)
    covariance[3:, 3:] = _SPEED_MPS**2 * np.eye(3)
    return RootTrack(np.concatenate((root_m, np.zeros(3))), covariance, float(along), root_m)


def _moved(tracks: Sequence[RootTrack], roots_m: Array, sigmas_m: Array, dt_s: Array) -> list[RootTrack]:
    if not tracks:
        return []
    mean, covariance = _predicted(tracks, dt_s)
    innovation, ahead = roots_m - mean[:, :3], covariance[:, :3, :3]
    before = np.array([t.along for t in tracks])
    along = _learned(before, innovation, ahead, roots_m, dt_s).clip(_LEAST_ALONG, _bound(roots_m, sigmas_m))
    noise = _measured_covariance(roots_m, along)
    surprise = _squared_mahalanobis(innovation, ahead + noise) / _SURPRISE
    total = ahead + noise * np.maximum(surprise, 1.0)[:, None, None]
    gain = np.swapaxes(np.linalg.solve(total, covariance[:, :3, :]), 1, 2)
    mean = mean + (gain @ innovation[..., None])[..., 0]
    covariance = covariance - gain @ covariance[:, :3, :]
    smooth_m = _drawn(np.array([t.smooth_m for t in tracks]), mean, dt_s)
    return [RootTrack(*parts) for parts in zip(mean, covariance, along.tolist(), smooth_m, strict=True)]


def _predicted(tracks: Sequence[RootTrack], dt_s: Array) -> tuple[Array, Array]:
    """Means (N, 6) and covariances (N, 6, 6) after dt_s (N,): velocity does a random walk."""
    eye, dt = np.eye(3), dt_s[:, None, None]
    move = np.tile(np.eye(6), (len(dt_s), 1, 1))
    move[:, :3, 3:] = eye * dt
    noise = np.zeros_like(move)
    noise[:, :3, :3], noise[:, 3:, 3:] = eye * dt**3 / 3, eye * dt
    noise[:, :3, 3:] = noise[:, 3:, :3] = eye * dt**2 / 2
    mean = np.array([t.mean for t in tracks])
    covariance = move @ np.array([t.covariance for t in tracks]) @ np.swapaxes(move, 1, 2)
    return (move @ mean[..., None])[..., 0], covariance + _ACCELERATION * noise


def _bound(root_m: Array, sigma_m: Array | float) -> Array:
    """The most that a measured distance may vary, as a share of it: no more than it is stated to err."""
    stated = np.asarray(sigma_m) / np.linalg.norm(root_m, axis=-1)
    return np.asarray(np.where(np.isfinite(stated), stated, _MOST_ALONG).clip(_LEAST_ALONG, _MOST_ALONG))


def _learned(along: Array, innovation: Array, ahead: Array, roots_m: Array, dt_s: Array) -> Array:
    """Standard deviations (N,) of the distances, nearer to what the innovations (N, 3) show than `along` was.

    ahead (N, 3, 3): what the innovations vary by without them.
    """
    distance = np.linalg.norm(roots_m, axis=-1, keepdims=True)
    ray = roots_m / distance
    expected = np.einsum("ni,nij,nj->n", ray, ahead, ray)
    seen = ((innovation * ray).sum(axis=1) ** 2 - expected) / distance[:, 0] ** 2
    weight = 1 - np.exp(-dt_s / _LEARNING_S)
    variance = along**2 + weight * (seen.clip(_LEAST_ALONG**2, (3 * along + 0.01) ** 2) - along**2)
    return np.asarray(np.sqrt(variance))


def _measured_covariance(root_m: Array, along: Array) -> Array:
    """Covariances (..., 3, 3) of measured roots (..., 3): `along` the ray, `_ACROSS` across, shares of the distance."""
    outer = root_m[..., :, None] * root_m[..., None, :]
    square = (root_m**2).sum(axis=-1)[..., None, None]
    return np.asarray(_ACROSS**2 * (square * np.eye(3) - outer) + along[..., None, None] ** 2 * outer)


def _squared_mahalanobis(error: Array, covariance: Array) -> Array:
    """Of errors (N, 3) with covariances (N, 3, 3): (N,)."""
    return np.asarray((error * np.linalg.solve(covariance, error[..., None])[..., 0]).sum(axis=1))


def _drawn(smooth_m: Array, mean: Array, dt_s: Array) -> Array:
    """Positions (N, 3) moved on from smooth_m at the filter's velocity, and towards its position."""
    carried = smooth_m + mean[:, 3:] * dt_s[:, None]
    return np.asarray(carried + (1 - np.exp(-dt_s / _DRAWN_S))[:, None] * (mean[:, :3] - carried))
