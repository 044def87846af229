"""Root localization in closed form, from metric root-relative joints and their 2D keypoints.

Joint i, at P_i from the root, is seen at (u_i, v_i) on the plane z = 1; the root t puts P_i + t on that ray.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array

_MIN_JOINTS = 2
_MIN_SPREAD = 1e-6
"""Joints closer together than this on the plane z = 1 (a thousandth of a pixel) say nothing about a distance."""


@dataclass(frozen=True, eq=False)
class SolvedRoots:
    """Roots in closed form.

    Attributes
    ----------
    root_cam_m : ndarray
        (N, 3), the origin of the root-relative joints in the camera's frame, metres; NaN where it is unknown.
    residual : ndarray
        (N,), weighted root mean square distance between the joints where they are seen and where P_i + t projects to,
        on the plane z = 1 (times the focal length: pixels); NaN with the root.
    """

    root_cam_m: Array
    residual: Array


@dataclass(frozen=True, eq=False)
class Observed:
    """relative_m (N, J, 3), seen (N, J, 2), weights (N, J) that sum to 1; joints that are left out are zeros."""

    relative_m: Array
    seen: Array
    weights: Array
    enough: npt.NDArray[np.bool_]

    def mean(self, values: Array) -> Array:
        """Weighted mean over the joints: (N, J, C) → (N, C)."""
        mean: Array = np.einsum("nj,njc->nc", self.weights, values)
        return mean

    def spread(self, values: Array) -> Array:
        """Root of the weighted mean square distance to the mean: (N, J, C) → (N,)."""
        away = values - self.mean(values)[:, None]
        spread: Array = np.sqrt(np.einsum("nj,njc->n", self.weights, away**2))
        return spread


def solve_root(
    relative_m: npt.ArrayLike, joints_normalized: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> SolvedRoots:
    """Find the roots that minimize the weighted linear residual of the perspective projection.

    Every joint gives X + tx = u (Z + tz) and Y + ty = v (Z + tz): 2J equations, linear in three unknowns. With the
    means taken off, tz is a ratio of two sums, and tx and ty follow. Sárándi 2020 (MeTRAbs) solves the same equations,
    its "full perspective"; Mehta 2017 and Veges 2019 approximate them, see `weak_perspective_root`.
    Exact inputs give the exact root. Noise of standard deviation s in the image, on joints that spread by S along an
    axis (standard deviations, both on the plane z = 1), brings the root nearer by the fraction s² / S² on average:
    errors in u stand on both sides of the equations.

    Parameters
    ----------
    relative_m : array_like
        (N, J, 3), metres, in axes parallel to the camera's, from any origin.
    joints_normalized : array_like
        (N, J, 2), x and y of `Camera.rays`.
    weights : array_like, optional
        (N, J), 0 or above, only their ratios matter; equal ones if not given. A joint with a NaN or without a weight is
        left out.

    Returns
    -------
    SolvedRoots
        NaN for a person with fewer than two joints, with joints in one place or with one that would come to lie behind
        the camera.

    Raises
    ------
    InputError
        For shapes that do not fit each other and for a weight below 0.
    """
    return linear_root(observed(relative_m, joints_normalized, weights))


def linear_root(seen: Observed) -> SolvedRoots:
    """See `solve_root`."""
    offset = seen.seen * seen.relative_m[..., 2:] - seen.relative_m[..., :2]
    mean_seen, mean_offset = seen.mean(seen.seen), seen.mean(offset)
    away_seen, away_offset = seen.seen - mean_seen[:, None], offset - mean_offset[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        depth_m = -np.einsum("nj,njc,njc->n", seen.weights, away_seen, away_offset) / seen.spread(seen.seen) ** 2
        across_m = mean_offset + mean_seen * depth_m[:, None]
    return checked(np.concatenate([across_m, depth_m[:, None]], axis=1), seen)


def weak_perspective_root(
    relative_m: npt.ArrayLike, joints_normalized: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> SolvedRoots:
    """The roots under weak perspective, all joints at one depth: how large a person is over how large it looks.

    The mean joint's depth is the ratio of the spreads of (X, Y) and of (u, v) about their means, and it lies on the
    mean ray (`reconstruct_ref_weakpersp` of github.com/isarandi/metrabs, after Mehta 2017, arXiv 1611.09813).
    Its error grows with the person's depth over its distance, but noise in relative depths does not enter.
    Inputs, result and errors as in `solve_root`.
    """
    seen = observed(relative_m, joints_normalized, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth_m = seen.spread(seen.relative_m[..., :2]) / seen.spread(seen.seen)
        mean_ray = np.concatenate([seen.mean(seen.seen), np.ones((len(depth_m), 1))], axis=1)
        root_cam_m = mean_ray * depth_m[:, None] - seen.mean(seen.relative_m)
    return checked(root_cam_m, seen)


def mehta_root(
    relative_m: npt.ArrayLike, joints_normalized: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> SolvedRoots:
    """The roots by the approximation that Mehta 2016 published (arXiv 1611.09813, the global pose in closed form).

    t = α (ū, v̄, 1) - (X̄, Ȳ, 0) with α the ratio of the spreads of (X, Y) and of (u, v) about their means: the root,
    not the mean joint, is taken to be at the depth α, and the angle between both point sets to be 0.
    Inputs, result and errors as in `solve_root`.
    """
    seen = observed(relative_m, joints_normalized, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha_m = seen.spread(seen.relative_m[..., :2]) / seen.spread(seen.seen)
    return _at_alpha(seen, alpha_m)


def veges_root(
    relative_m: npt.ArrayLike, joints_normalized: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> SolvedRoots:
    """The roots by Mehta's formula without its approximation of an angle, as Véges and Lőrincz 2019 compare with it.

    α is the sum of the squares of (X, Y) about their mean over the sum of their products with (u, v) about theirs
    (arXiv 1904.05947; `procrustes_depth` of github.com/vegesm/depthpose). Inputs, result and errors as in `solve_root`.
    """
    seen = observed(relative_m, joints_normalized, weights)
    away = seen.relative_m[..., :2] - seen.mean(seen.relative_m[..., :2])[:, None]
    away_seen = seen.seen - seen.mean(seen.seen)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        product = np.einsum("nj,njc,njc->n", seen.weights, away, away_seen)
        alpha_m = seen.spread(seen.relative_m[..., :2]) ** 2 / product
    return _at_alpha(seen, alpha_m)


def _at_alpha(seen: Observed, alpha_m: Array) -> SolvedRoots:
    mean_ray = np.concatenate([seen.mean(seen.seen), np.ones((len(alpha_m), 1))], axis=1)
    back_m = np.concatenate([seen.mean(seen.relative_m[..., :2]), np.zeros((len(alpha_m), 1))], axis=1)
    with np.errstate(invalid="ignore"):
        return checked(mean_ray * alpha_m[:, None] - back_m, seen)


def observed(relative_m: npt.ArrayLike, joints_normalized: npt.ArrayLike, weights: npt.ArrayLike | None) -> Observed:
    """The inputs of `solve_root`, checked, with its error."""
    relative = np.asarray(relative_m, dtype=np.float64)
    seen = np.asarray(joints_normalized, dtype=np.float64)
    given = np.ones(relative.shape[:-1]) if weights is None else np.asarray(weights, dtype=np.float64)
    fits = relative.ndim == 3 and relative.shape[2] == 3 and seen.shape == (*relative.shape[:2], 2)
    if not fits or given.shape != relative.shape[:2] or (given < 0).any():
        raise InputError(
            "relative joints, seen joints, weights",
            expected="shapes (N, J, 3), (N, J, 2), (N, J), and weights of 0 or above",
            got=f"shapes {relative.shape}, {seen.shape}, {given.shape}" + ", one below 0" * bool((given < 0).any()),
            fix="All three come from the same people.",
        )
    used = np.isfinite(relative).all(axis=-1) & np.isfinite(seen).all(axis=-1) & np.isfinite(given) & (given > 0)
    # The largest weight becomes 1 first, so that no scale of the weights can over- or underflow the sum.
    share = np.where(used, given, 0.0)
    share = share / np.maximum(share.max(axis=1, initial=0.0, keepdims=True), np.finfo(np.float64).tiny)
    share = share / np.maximum(share.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    zeroed = np.where(used[..., None], relative, 0.0), np.where(used[..., None], seen, 0.0)
    return Observed(*zeroed, share, used.sum(axis=1) >= _MIN_JOINTS)


def checked(root_cam_m: Array, seen: Observed) -> SolvedRoots:
    """The roots (N, 3) with their residuals; NaN where `solve_root` promises it."""
    joints_cam_m = seen.relative_m + root_cam_m[:, None]
    ahead = ((joints_cam_m[..., 2] > 0) | (seen.weights == 0)).all(axis=1)
    known = seen.enough & ahead & (seen.spread(seen.seen) > _MIN_SPREAD) & np.isfinite(root_cam_m).all(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        missed = joints_cam_m[..., :2] / joints_cam_m[..., 2:] - seen.seen
    squared = np.where(seen.weights > 0, (missed**2).sum(axis=-1), 0.0)
    residual = np.sqrt(np.einsum("nj,nj->n", seen.weights, squared))
    return SolvedRoots(np.where(known[:, None], root_cam_m, np.nan), np.where(known, residual, np.nan))
