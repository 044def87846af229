"""One person from several cameras: joints triangulated where rays meet, by one camera's distance where they do not.

Every camera's distance of a person errs by one amount for all joints, the person's size above all. It is read off the
joints that two cameras see and taken out; then each joint is the fusion, by information, of every camera's ray and
corrected distance. With a short baseline rays say nothing of distance, nothing is taken out, and what is left is the
mean of what the single cameras say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.triangulation import combine, ray_information
from pose3d_ros.stages.multiview.camera_view import RELATIVE_RANGE_SIGMA_M, BodyRays, stacked
from pose3d_ros.types import Array

_LEAST_CORRECTION_SIGMA_M = 0.02
"""What poses of calibrated cameras err by at best."""
_OUTLIER_SIGMAS = 4.0
_JOINTS_WORTH = 5.0
"""How many independent joints those of a body are worth: neighbors err alike."""
_SIZE_SHARE = 0.85
"""Of the variance of a distance: the person's size, in which all cameras err alike."""
_ROBUST_STEPS = 4
_HUBER = 2.5
"""Deviations from which on a joint counts less."""


@dataclass(frozen=True, eq=False)
class FusedBody:
    """A person's J joints and root in the common frame.

    Attributes
    ----------
    joints_m : ndarray
        (J, 3), NaN for a joint that no camera sees.
    covariances_m2 : ndarray
        (J, 3, 3).
    views : ndarray
        (J,) int, how many cameras a joint is from.
    scores : ndarray
        (J,), the best of the cameras' that it is from.
    root_m : ndarray
        (3,).
    root_covariance_m2 : ndarray
        (3, 3).
    corrections_m : ndarray
        (V,), by which each camera's distance was corrected.
    """

    joints_m: Array
    covariances_m2: Array
    views: npt.NDArray[np.int64]
    scores: Array
    root_m: Array
    root_covariance_m2: Array
    corrections_m: Array


def fuse_body(bodies: Sequence[BodyRays]) -> FusedBody:
    """Fuse one person's views, at one time; one view is taken as it is."""
    origins, rays, ranges, sigmas = stacked(bodies)
    corrections, correction_sigmas = _range_corrections(bodies)
    corrected = ranges + corrections[:, None]
    # Cameras' distances share the error of the person's size: together they know no more of it than one does.
    range_sigmas = np.sqrt(len(bodies)) * np.hypot(RELATIVE_RANGE_SIGMA_M, correction_sigmas)[:, None]
    range_sigmas = np.repeat(range_sigmas, rays.shape[1], axis=1)
    range_sigmas[:, -1] = np.sqrt(len(bodies)) * correction_sigmas
    points = origins[:, None] + np.nan_to_num(rays * corrected[..., None])
    information = ray_information(rays, corrected, sigmas, range_sigmas)
    scores = np.stack([body.scores for body in bodies])
    used = _consistent(points, information, origins, rays, sigmas * corrected, scores)
    fused, covariances = combine(points, information * used[..., None, None])
    best, views = np.where(used, scores, 0.0).max(axis=0)[:-1], used.sum(axis=0)[:-1]
    root_m, root_covariance_m2 = fused[-1], covariances[-1]
    return FusedBody(fused[:-1], covariances[:-1], views, best, root_m, root_covariance_m2, corrections)


def _range_corrections(bodies: Sequence[BodyRays]) -> tuple[Array, Array]:
    """What each camera's distance errs by, (V,), and the standard deviation (V,) of what is left of it.

    Least squares over corrections and joints, of every camera's own deviation and of how far the corrected joints are
    from each other across the rays; robust (Huber's weights), as single joints may be wrong in a view.
    """
    own = np.array([body.range_sigma_m for body in bodies])
    if len(bodies) < 2:
        return np.zeros(1), own
    origins, rays, ranges, sigmas = stacked(bodies)
    rays, ranges, sigmas = rays[:, :-1], ranges[:, :-1], sigmas[:, :-1]
    information = ray_information(rays, ranges, sigmas, np.full(ranges.shape, RELATIVE_RANGE_SIGMA_M))
    seen = (information != 0).any(axis=(-1, -2))
    shared = seen.sum(axis=0) > 1
    if not shared.any():
        return np.zeros(len(bodies)), own
    information, rays, ranges = information[:, shared], np.nan_to_num(rays[:, shared]), np.nan_to_num(ranges[:, shared])
    coupling = _coupling(information)
    weights = np.ones(int(shared.sum()))
    prior = np.outer(own, own) * (_SIZE_SHARE + (1.0 - _SIZE_SHARE) * np.eye(len(own)))
    corrections, covariance = np.zeros(len(bodies)), prior
    for _ in range(_ROBUST_STEPS):
        worth = weights * min(1.0, _JOINTS_WORTH / len(weights))
        normal = np.einsum("j,vja,vwjab,wjb->vw", worth, rays, coupling, rays)
        points = origins[:, None] + rays * ranges[..., None]
        right = -np.einsum("j,vja,vwjab,wjb->v", worth, rays, coupling, points)
        covariance = np.linalg.inv(normal + np.linalg.inv(prior))
        corrections = covariance @ right
        moved = points + rays * corrections[:, None, None]
        squared = np.einsum("vja,vwjab,wjb->j", moved, coupling, moved)
        weights = np.minimum(1.0, _HUBER / np.sqrt(np.maximum(squared, 1e-9)))
    return corrections, np.hypot(np.sqrt(np.diag(covariance)), _LEAST_CORRECTION_SIGMA_M)


def _coupling(information: Array) -> Array:
    """(V, V, N, 3, 3): what views of information (V, N, 3, 3) say of each other, once the points are the best ones."""
    total = np.linalg.inv(information.sum(axis=0))
    coupling: Array = -np.einsum("vjab,jbc,wjcd->vwjad", information, total, information)
    for view, own in enumerate(information):
        coupling[view, view] += own
    return coupling


def _consistent(
    points: Array, information: Array, origins: Array, rays: Array, lateral_m: Array, scores: Array
) -> npt.NDArray[np.bool_]:
    """Which views (V, N) of each point agree, all that there are where they do.

    A view whose ray passes the fused point too far away is left out, the worst first; of two that disagree the one
    with the higher score stays.
    """
    used: npt.NDArray[np.bool_] = (information != 0).any(axis=(-1, -2))
    for _ in range(len(points) - 1):
        fused, _ = combine(points, information * used[..., None, None])
        off = np.linalg.norm(np.cross(rays, fused - origins[:, None]), axis=-1) / lateral_m
        off = np.where(used, np.nan_to_num(off), 0.0)
        bad = (off.max(axis=0) > _OUTLIER_SIGMAS) & (used.sum(axis=0) > 1)
        if not bad.any():
            break
        worst = off.argmax(axis=0)
        of_two = np.where(used, scores, np.inf).argmin(axis=0)
        leave = np.where(used.sum(axis=0) == 2, of_two, worst)
        used[leave[bad], np.flatnonzero(bad)] = False
    return used
