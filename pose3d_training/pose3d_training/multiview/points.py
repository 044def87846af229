"""Joints in 3D from the keypoints of two views or more, whose cameras are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.geometry.triangulation import triangulate
from pose3d_ros.types import Array
from pose3d_training.multiview.relative_pose import essential_of, midpoints, ray_angles_deg, sampson_errors
from pose3d_training.multiview.view_tracks import Mask

_LEAST_ANGLE_DEG = 2.0
"""Below, an error of a pixel moves a point by more than people are deep."""

_MOST_OFF = 3.0
"""Standard deviations up to which a keypoint agrees with those of other views."""

_Method = Callable[[RigidTransform, Array, Array], Array]


def optimal_points(first2second: RigidTransform, first: Array, second: Array) -> Array:
    """Points (N, 3) of the first camera's frame whose projections are nearest to keypoints (N, 2) of both.

    R. Hartley and P. Sturm, Triangulation, CVIU 68(2), 1997: the polynomial method, optimal for equal errors.
    """
    if not len(first):
        return np.empty((0, 3))
    corrected = cv2.correctMatches(essential_of(first2second), first[None], second[None])
    one, other = (np.asarray(points, dtype=np.float64).reshape(-1, 2) for points in corrected)
    usable = np.isfinite((one + other).sum(axis=1, keepdims=True))
    return midpoints(first2second, np.where(usable, one, first), np.where(usable, other, second))


def triangulated(cameras: Sequence[RigidTransform], keypoints: Array, sigmas: Array, *, optimal: bool = True) -> Array:
    """Points (T, J, 3), in the first camera's frame, of keypoints (V, T, J, 2) with standard deviations (V, T, J).

    NaN where fewer than two views agree to within three deviations, where rays are nearly parallel, and behind cameras.
    Of three views or more that one which fits the others least is left out, once.
    optimal: of two views, the optimal points, else the rays' midpoints.
    """
    if len(cameras) == 2:
        return _of_two(cameras[1], keypoints, sigmas, optimal_points if optimal else midpoints)
    limits = _MOST_OFF * sigmas
    points, off = _of_many(cameras, keypoints, limits)
    worst = np.nan_to_num(off, nan=-1.0).argmax(axis=0)
    seen = np.isfinite(keypoints).all(axis=-1)
    wrong = (np.arange(len(cameras))[:, None, None] == worst) & (off > 1) & (seen.sum(axis=0) > 2)
    points, off = _of_many(cameras, np.where(wrong[..., None], np.nan, keypoints), limits)
    agree = np.nan_to_num(off, nan=0.0).max(axis=0, keepdims=True) <= 1
    return np.where(np.moveaxis(agree, 0, -1), points, np.nan)


def _of_two(first2second: RigidTransform, keypoints: Array, sigmas: Array, method: _Method) -> Array:
    points = np.full((*keypoints.shape[1:-1], 3), np.nan)
    fits: Mask = np.isfinite(keypoints.sum(axis=(0, -1)))
    limits = _MOST_OFF * np.sqrt(np.square(sigmas).mean(axis=0))
    off = sampson_errors(essential_of(first2second), keypoints[0][fits], keypoints[1][fits])
    wide = ray_angles_deg(first2second, keypoints[0][fits], keypoints[1][fits]) >= _LEAST_ANGLE_DEG
    fits[fits] = (off <= limits[fits]) & wide
    found = method(first2second, keypoints[0][fits], keypoints[1][fits])
    ahead = (found[:, 2] > 0) & (first2second.apply(found)[:, 2] > 0)
    points[fits] = np.where(ahead[:, None], found, np.nan)
    return points


def _of_many(cameras: Sequence[RigidTransform], keypoints: Array, limits: Array) -> tuple[Array, Array]:
    """Points (T, J, 3), and how far off (V, T, J) they are in each view, over the limits."""
    shape = keypoints.shape[1:-1]
    turns = np.stack([camera.rotation for camera in cameras])
    centers = np.stack([camera.inverse().translation_m for camera in cameras])
    rays = np.concatenate([keypoints, np.where(np.isnan(keypoints[..., :1]), np.nan, 1.0)], axis=-1)
    rays = np.einsum("vtji,vik->vtjk", rays, turns).reshape(len(cameras), -1, 3)
    sigmas = np.nan_to_num(limits.reshape(len(cameras), -1), nan=1.0)
    found = triangulate(centers, rays, sigmas)
    angles = found.residuals_rad.reshape(keypoints.shape[:-1])
    return found.points_m.reshape(*shape, 3), angles / limits
