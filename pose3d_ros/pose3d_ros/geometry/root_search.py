"""Root localization by search over the depth, from metric root-relative joints and their 2D keypoints.

Wang 2019 (arXiv 1904.05512, "geometric searching") moves the root by Δz from a first depth and keeps the one whose
projection lies nearest to the keypoints. What is minimized is the distance in the image, so that noise does not bring
the root nearer, as it does where the equations are made linear (`solve_root`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.root_solver import (
    SolvedRoots,
    checked,
    linear_root,
    mehta_root,
    observed,
    veges_root,
    weak_perspective_root,
)
from pose3d_ros.types import Array

_CANDIDATES = 33
_FIRST_SPAN = 3.0
"""Candidates lie between 1 / _FIRST_SPAN and _FIRST_SPAN times the depth under weak perspective, evenly in its log."""
_STEPS = 2
_ROUNDS = 5
"""Each looks between the neighbors of the last one's best candidate, 16 times as fine: 1e-6 of the depth."""


def search_root(
    relative_m: npt.ArrayLike, joints_normalized: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> SolvedRoots:
    """Find the roots whose projections lie nearest to the keypoints, over Δz; x and y follow from z in closed form.

    For a depth, the sum of w ((X + tx) / (Z + tz) - u)² is least where tx = sum w a (u - a X) / sum w a² with
    a = 1 / (Z + tz), and so for ty and v. All people and candidates are one array. Inputs, result and errors as in
    `solve_root`.
    """
    start = weak_perspective_root(relative_m, joints_normalized, weights)
    found = observed(relative_m, joints_normalized, weights)
    relative, seen, share = found.relative_m, found.seen, found.weights
    least_m = 1e-3 - np.where(share > 0, relative[..., 2], np.inf).min(axis=1, initial=np.inf)
    middle = np.log(np.maximum(np.nan_to_num(start.root_cam_m[:, 2], nan=1.0), 1e-3))
    half_span, steps = np.log(_FIRST_SPAN), np.linspace(-1.0, 1.0, _CANDIDATES)
    for _ in range(_ROUNDS):
        tried = middle[:, None] + half_span * steps
        _, errors = _projected(relative, seen, share, np.maximum(np.exp(tried), least_m[:, None]))
        middle = np.take_along_axis(tried, errors.argmin(axis=1)[:, None], axis=1)[:, 0]
        half_span *= 2.0 / (_CANDIDATES - 1)
    depth_m = np.maximum(np.exp(middle), least_m)[:, None]
    across_m, _ = _projected(relative, seen, share, depth_m)
    return checked(np.concatenate([across_m[:, 0], depth_m], axis=1), found)


def nearest_root(
    relative_m: npt.ArrayLike, joints_normalized: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> SolvedRoots:
    """The roots of `search_root`, by the steps of Gauss and Newton from the closed form, which cost less than a search.

    Two steps reach the search's minimum to a millimetre from where `solve_root` starts them. Inputs, result and errors
    as there.
    """
    found = observed(relative_m, joints_normalized, weights)
    relative, seen, share = found.relative_m, found.seen, found.weights
    start_cam_m = linear_root(found).root_cam_m
    known = np.isfinite(start_cam_m).all(axis=1, keepdims=True)
    root_cam_m = np.where(known, start_cam_m, [0.0, 0.0, 1e3])
    for _ in range(_STEPS):
        joints = relative + root_cam_m[:, None]
        inverse = 1.0 / np.maximum(joints[..., 2], 1e-6)
        at = joints[..., :2] * inverse[..., None]
        jacobian = np.zeros((*at.shape, 3))
        jacobian[..., 0, 0] = jacobian[..., 1, 1] = inverse
        jacobian[..., 2] = -at * inverse[..., None]
        weighted = share[..., None, None] * jacobian
        normal = np.einsum("njcr,njcs->nrs", weighted, jacobian) + 1e-12 * np.eye(3)
        change = np.linalg.solve(normal, np.einsum("njcr,njc->nr", weighted, seen - at)[..., None])[..., 0]
        # Where far-off joints would take the person behind the camera, a step stays within half the depth.
        limit = 0.5 * np.maximum(np.abs(root_cam_m[:, 2:]), 1e-3)
        root_cam_m = root_cam_m + change * np.minimum(1.0, limit / np.maximum(np.abs(change[:, 2:]), 1e-12))
    return checked(np.where(known, root_cam_m, np.nan), found)


SIMILARITY_SOLVERS: dict[str, Callable[[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike | None], SolvedRoots]] = {
    "similarity": nearest_root,
    "search": search_root,
    "weak_perspective": weak_perspective_root,
    "mehta": mehta_root,
    "veges": veges_root,
}
"""By their names in `root.solvers`."""


def _projected(relative: Array, seen: Array, share: Array, depth_m: Array) -> tuple[Array, Array]:
    """The best x and y (N, C, 2) for candidate depths (N, C), and the mean squared distances in the image (N, C)."""
    inverse = 1.0 / np.maximum(relative[:, None, :, 2] + depth_m[..., None], 1e-6)
    weighted = share[:, None] * inverse
    missing = seen[:, None] - inverse[..., None] * relative[:, None, :, :2]
    norm = np.maximum((weighted * inverse).sum(axis=-1), np.finfo(np.float64).tiny)
    across = (weighted[..., None] * missing).sum(axis=2) / norm[..., None]
    left = missing - inverse[..., None] * across[:, :, None]
    return across, np.asarray((share[:, None, :, None] * left**2).sum(axis=(2, 3)))
