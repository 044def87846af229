"""A pose as a sparse combination of basis shapes, found from 2D joints by a convex program (Zhou 2015).

The classical baseline, which no net and no 2D–3D pair trained: "3D Shape Estimation from 2D Landmarks: A Convex
Relaxation Approach", CVPR 2015. Cameras are weak perspective ones: x and y of the joints, up to a scale, about a mean.
"""

from __future__ import annotations

import numpy as np

from pose3d_ros.geometry import similarity_align
from pose3d_ros.types import Array

_ALIGNMENTS = 3
_CODE_STEPS = 60
_ALTERNATIONS = 8
_STEP_SIZE = 0.9
"""Of projected gradients, as a share of the longest stable one."""
_PENALTY_GROWTH = 1.02


def learn_basis(joints_m: Array, count: int, sparsity: float = 0.1, rounds: int = 15, seed: int = 0) -> Array:
    """Basis shapes of which poses are sparse combinations with coefficients from 0 on (Zhou 2015, section 5.1).

    Parameters
    ----------
    joints_m : ndarray
        (M, J, 3) poses; they are centered and turned to their mean first.
    count : int
        K, how many shapes.
    sparsity : float
        Weight of the coefficients' sum, relative to poses of norm 1.
    rounds : int
        Of sparse coding and of fitting the shapes to the codes.
    seed : int
        Of the poses that are the first shapes.

    Returns
    -------
    ndarray
        (K, J, 3) float64, each of norm 1.
    """
    turned: Array = _aligned(joints_m).reshape(len(joints_m), -1)
    poses: Array = np.asarray(turned / np.linalg.norm(turned, axis=1, keepdims=True))
    shapes: Array = poses[np.random.default_rng(seed).choice(len(poses), count, replace=len(poses) < count)].copy()
    codes: Array = np.zeros((len(poses), count))
    for _ in range(rounds):
        codes = _sparse_codes(poses, shapes, sparsity, codes)
        gram = codes.T @ codes + 1e-6 * np.eye(count)
        fitted = np.linalg.solve(gram, codes.T @ poses)
        norms = np.linalg.norm(fitted, axis=1, keepdims=True)
        shapes = np.where(norms > 1e-6, fitted / np.maximum(norms, 1e-6), shapes)
    return shapes.reshape(count, *joints_m.shape[1:])


def fit_shapes(keypoints: Array, weights: Array, basis: Array, alpha: float = 0.05, iterations: int = 150) -> Array:
    """3D joints whose projections fit keypoints, as sparse sums of turned basis shapes.

    Minimizes ½‖(W − Σ M_i B_i)·D‖² + α Σ ‖M_i‖₂ over M_i (2x3) by ADMM (eq. 8; algorithm 1): the spectral norm is the
    convex relaxation of "a multiple of two rows of a rotation". From there, with one rotation for all shapes, codes and
    rotation are fitted in turn (section 4.4).

    Parameters
    ----------
    keypoints : ndarray
        (N, J, 2), any unit; NaN where unknown.
    weights : ndarray
        (N, J), 0 where unknown.
    basis : ndarray
        (K, J, 3), see `learn_basis`.
    alpha : float
        Weight of the norms, relative to keypoints whose root mean square distance from their mean is 1.
    iterations : int
        Of ADMM.

    Returns
    -------
    ndarray
        (N, J, 3) float64 about its mean, axes and unit of the keypoints, z away from the camera.
    """
    known = weights > 0
    seen, scale = _normalized(np.where(known[..., None], keypoints, 0.0), weights * known)
    motion = _relaxed(seen.transpose(0, 2, 1), weights * known, basis, alpha, iterations)
    turns, sizes = _rotations(motion)
    turn = _nearest_rotation(np.einsum("nk,nkab->nab", sizes, turns))
    joints = _with_one_rotation(seen, weights * known, basis, turn, sizes, alpha)
    return np.asarray((joints - joints.mean(axis=1, keepdims=True)) * scale[:, None, None])


def _aligned(joints_m: Array) -> Array:
    poses = joints_m - joints_m.mean(axis=1, keepdims=True)
    mean = poses[0]
    for _ in range(_ALIGNMENTS):
        scaled = similarity_align(poses, np.broadcast_to(mean, poses.shape))
        sizes = np.linalg.norm(poses, axis=(1, 2)) / np.maximum(np.linalg.norm(scaled, axis=(1, 2)), 1e-9)
        poses = (scaled - scaled.mean(axis=1, keepdims=True)) * sizes[:, None, None]
        mean = poses.mean(axis=0)
    return np.asarray(poses)


def _sparse_codes(poses: Array, shapes: Array, sparsity: float, codes: Array) -> Array:
    """Min ½‖X − C·B‖² + λ ΣC with C ≥ 0, by projected gradients."""
    gram = shapes @ shapes.T
    step = _STEP_SIZE / np.linalg.norm(gram, 2)
    right = poses @ shapes.T - sparsity
    for _ in range(_CODE_STEPS):
        codes = np.maximum(codes - step * (codes @ gram - right), 0.0)
    return codes


def _normalized(keypoints: Array, weights: Array) -> tuple[Array, Array]:
    total = np.maximum(weights.sum(axis=1), 1e-9)
    mean = (keypoints * weights[..., None]).sum(axis=1) / total[:, None]
    away = keypoints - mean[:, None]
    scale = np.sqrt((np.square(away).sum(axis=2) * weights).sum(axis=1) / total)
    scale = np.where(scale > 0, scale, 1.0)
    return away / scale[:, None, None], scale


def _relaxed(seen: Array, weights: Array, basis: Array, alpha: float, iterations: int) -> Array:
    """M (N, K, 2, 3) of keypoints (N, 2, J), centered as the basis is by a free translation in the data term."""
    people, count = len(seen), len(basis)
    stacked = basis.transpose(0, 2, 1).reshape(3 * count, -1)
    shapes = np.concatenate([stacked, np.ones((1, stacked.shape[1]))])  # and the translation, without a norm
    weighted = shapes[None] * weights[:, None]
    gram, right = weighted @ shapes.T, seen @ weighted.transpose(0, 2, 1)
    split, dual = np.zeros((people, 2, 3 * count + 1)), np.zeros((people, 2, 3 * count + 1))
    penalty = 1.0
    values, axes = np.linalg.eigh(gram)
    for _ in range(iterations):
        turned = (right + penalty * split - dual) @ axes
        motion = (turned / (np.maximum(values, 0.0) + penalty)[:, None]) @ axes.transpose(0, 2, 1)
        wanted = motion + dual / penalty
        blocks = wanted[..., :-1].reshape(people, 2, count, 3).transpose(0, 2, 1, 3)
        shrunk = _spectral_prox(blocks, alpha / penalty).transpose(0, 2, 1, 3).reshape(people, 2, -1)
        split = np.concatenate([shrunk, wanted[..., -1:]], axis=2)
        dual += penalty * (motion - split)
        penalty *= _PENALTY_GROWTH
    return np.asarray(split[..., :-1].reshape(people, 2, count, 3).transpose(0, 2, 1, 3))


def _spectral_prox(blocks: Array, threshold: float) -> Array:
    """Proximal operator of the spectral norm: singular values less their projection on the L1 ball (eq. 14)."""
    left, values, right = np.linalg.svd(blocks, full_matrices=False)
    high, low = values[..., 0], values[..., 1]
    inside = high + low <= threshold
    both = high - low < threshold
    level = np.where(both, (high + low - threshold) / 2, high - threshold)
    kept = np.where(inside[..., None], 0.0, np.minimum(values, level[..., None]))
    return np.asarray((left * kept[..., None, :]) @ right)


def _rotations(motion: Array) -> tuple[Array, Array]:
    """Rotations (N, K, 3, 3) and coefficients (N, K) of motion matrices."""
    left, values, right = np.linalg.svd(motion, full_matrices=False)
    rows = left @ right
    third = np.cross(rows[..., 0, :], rows[..., 1, :])
    return np.concatenate([rows, third[..., None, :]], axis=-2), values[..., 0]


def _nearest_rotation(matrices: Array) -> Array:
    left, _, right = np.linalg.svd(matrices)
    flip = np.linalg.det(left @ right)
    left[..., :, 2] *= flip[..., None]
    return np.asarray(left @ right)


def _with_one_rotation(seen: Array, weights: Array, basis: Array, turn: Array, codes: Array, alpha: float) -> Array:
    """Joints (N, J, 3) from codes (N, K) and one rotation (N, 3, 3) a person, which are improved in turn."""
    share = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    root = np.sqrt(weights)[..., None]
    centered = (seen - np.einsum("nj,nja->na", share, seen)[:, None]) * root
    bases = basis[None] - np.einsum("nj,kjb->nkb", share, basis)[:, :, None]
    for _ in range(_ALTERNATIONS):
        design = np.einsum("nab,nkjb->nkja", turn[:, :2], bases) * root[:, None]
        flat = design.reshape(*design.shape[:2], -1)
        codes = _codes_of_each(flat, centered.reshape(len(seen), -1), alpha, codes)
        shape = np.einsum("nk,nkjb->njb", codes, bases) * root
        turn = _completed(_two_rows(centered, shape))
    return np.asarray(np.einsum("nk,nab,kjb->nja", codes, turn, basis))


def _codes_of_each(design: Array, seen: Array, sparsity: float, codes: Array) -> Array:
    """Min ½‖w − C·B‖² + λ ΣC with C ≥ 0 of each person's own shapes (N, K, V)."""
    gram = design @ design.transpose(0, 2, 1)
    step = _STEP_SIZE / np.maximum(np.linalg.norm(gram, 2, axis=(1, 2)), 1e-9)
    right = (design @ seen[..., None])[..., 0] - sparsity
    for _ in range(_CODE_STEPS):
        codes = np.maximum(codes - step[:, None] * ((gram @ codes[..., None])[..., 0] - right), 0.0)
    return codes


def _two_rows(seen: Array, shape: Array) -> Array:
    """The (N, 2, 3) that takes a shape (N, J, 3) to keypoints (N, J, 2), least squares."""
    gram = shape.transpose(0, 2, 1) @ shape + 1e-6 * np.eye(3)
    return np.asarray(np.linalg.solve(gram, shape.transpose(0, 2, 1) @ seen).transpose(0, 2, 1))


def _completed(rows: Array) -> Array:
    """The rotation (N, 3, 3) whose first two rows are nearest to a multiple of these."""
    turns, _ = _rotations(rows[:, None])
    return turns[:, 0]
