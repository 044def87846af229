"""Points seen by several cameras: triangulation from viewing rays, its covariance, and fusion by information."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array

_ITERATIONS = 3
_FARTHEST_SIGMA_M = 1e4
"""Of the least certain direction: rays that are parallel to within their noise have no point."""


@dataclass(frozen=True, eq=False)
class Triangulated:
    """Points N from rays of V cameras; NaN where fewer than two rays, or none that meet before their cameras, are left.

    Attributes
    ----------
    points_m : ndarray
        (N, 3) float64, in the frame of the rays.
    covariances_m2 : ndarray
        (N, 3, 3) float64, from the rays' deviations and their geometry.
    residuals_rad : ndarray
        (V, N) float64, angle between each ray and the direction to the point; NaN for a ray that is missing.
    """

    points_m: Array
    covariances_m2: Array
    residuals_rad: Array


def triangulate(origins_m: npt.ArrayLike, rays: npt.ArrayLike, sigmas_rad: npt.ArrayLike) -> Triangulated:
    """Find the points nearest to rays of several cameras, weighted by their angular deviations.

    The midpoint method for any number of views, reweighted by each camera's distance, so that the squared angles over
    their variances are least: K. Yang et al., Iteratively Reweighted Midpoint Method for Fast Multiple View
    Triangulation, IEEE RA-L 4(2), 2019. The covariance is the inverse of the information of all rays.

    Parameters
    ----------
    origins_m : array_like
        (V, 3), the centers of the cameras; (V, N, 3) where each ray has a center of its own.
    rays : array_like
        (V, N, 3), directions of any length in the same frame; NaN for a point that a camera does not see.
    sigmas_rad : array_like
        (V, N), or what broadcasts to it: standard deviation of each direction.

    Returns
    -------
    Triangulated
        N points.

    Raises
    ------
    InputError
        For shapes that do not fit.
    """
    directions, origins = _checked(origins_m, rays)
    sigmas = np.broadcast_to(np.asarray(sigmas_rad, dtype=np.float64), directions.shape[:2])
    seen = np.isfinite(directions).all(axis=-1) & np.isfinite(origins).all(axis=-1) & (sigmas > 0)
    across = _across(np.where(seen[..., None], directions, 0.0))
    origins = np.where(seen[..., None], origins, 0.0)
    ranges = np.ones(seen.shape)
    for _ in range(_ITERATIONS):
        points = combine(origins, _weighted(across, seen, sigmas, ranges))[0]
        ranges = np.nan_to_num(np.linalg.norm(points - origins, axis=-1), nan=1.0)
    points, covariances = combine(origins, _weighted(across, seen, sigmas, ranges))
    towards = points - origins
    ahead = (towards * np.where(seen[..., None], directions, 0.0)).sum(axis=-1)
    unusable = (seen.sum(axis=0) < 2) | (seen & ~(ahead > 0)).any(axis=0)
    points[unusable], covariances[unusable] = np.nan, np.nan
    sine = np.linalg.norm(np.cross(directions, towards), axis=-1)
    return Triangulated(points, covariances, np.arctan2(sine, np.where(np.isnan(points[:, 0]), np.nan, ahead)))


def _weighted(across: Array, seen: npt.NDArray[np.bool_], sigmas_rad: Array, ranges_m: Array) -> Array:
    """Information (V, N, 3, 3) of rays by their deviations across at these distances."""
    weights = np.where(seen, 1.0 / (np.where(seen, sigmas_rad, 1.0) * np.maximum(ranges_m, 1e-6)) ** 2, 0.0)
    return np.asarray(weights[..., None, None] * across)


def combine(points_m: Array, information: Array) -> tuple[Array, Array]:
    """Fuse what several say of the same points, as Gaussians, by their information (inverse covariance).

    Parameters
    ----------
    points_m : ndarray
        (V, N, 3), what each says; anything where its information is 0.
    information : ndarray
        (V, N, 3, 3); may be singular, as that of a ray is along it.

    Returns
    -------
    tuple of ndarray
        Points (N, 3) and covariances (N, 3, 3); NaN where all together do not fix a point.
    """
    total = information.sum(axis=0)
    weighted = (information @ points_m[..., None])[..., 0].sum(axis=0)
    least = np.linalg.eigvalsh(total)[:, 0]
    fixed = least > _FARTHEST_SIGMA_M**-2
    covariances = np.full(total.shape, np.nan)
    covariances[fixed] = np.linalg.inv(total[fixed])
    return (covariances @ weighted[..., None])[..., 0], covariances


def ray_information(rays: Array, ranges_m: Array, sigmas_rad: Array, range_sigmas_m: Array) -> Array:
    """Information (..., 3, 3) of points on rays (..., 3), unit, at ranges with deviations of direction and of range.

    range_sigmas_m: inf for a ray alone. 0 where a ray or range is NaN.
    """
    known = np.isfinite(rays).all(axis=-1) & np.isfinite(ranges_m) & np.isfinite(sigmas_rad)
    unit = np.where(known[..., None], rays, 0.0)
    lateral_m = np.where(known, sigmas_rad * ranges_m, 1.0)
    along = unit[..., :, None] * unit[..., None, :]
    wide = np.asarray(range_sigmas_m, dtype=np.float64)[..., None, None]
    information: Array = _across(unit) / np.square(lateral_m)[..., None, None] + along / np.square(wide)
    return np.where(known[..., None, None], information, 0.0)


def _across(units: Array) -> Array:
    """Projections (..., 3, 3) onto the planes across directions (..., 3); 0 for a direction that is 0."""
    squared = (units**2).sum(axis=-1)[..., None, None]
    return np.asarray(squared * np.eye(3) - units[..., :, None] * units[..., None, :])


def _checked(origins_m: npt.ArrayLike, rays: npt.ArrayLike) -> tuple[Array, Array]:
    """Unit directions (V, N, 3) and the origin of each."""
    given, origins = np.asarray(rays, dtype=np.float64), np.asarray(origins_m, dtype=np.float64)
    fits = given.ndim == 3 and given.shape[-1] == 3 and origins.shape in ((len(given), 3), given.shape)
    if not fits:
        raise InputError(
            "rays to triangulate",
            expected="rays (V, N, 3) and the origins (V, 3) of V cameras",
            got=f"rays {given.shape} and origins {origins.shape}",
            fix="Give one row for each camera.",
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        directions = given / np.linalg.norm(given, axis=-1, keepdims=True)
    return directions, np.broadcast_to(origins if origins.ndim == 3 else origins[:, None], given.shape)
