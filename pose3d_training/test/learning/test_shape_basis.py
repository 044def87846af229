"""Sparse shapes: the proximal operator by hand, and fits of combinations that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose3d_ros.geometry import similarity_align
from pose3d_ros.types import Array
from pose3d_training.learning.shape_basis import _spectral_prox, fit_shapes, learn_basis


def test_prox_of_the_spectral_norm_by_hand() -> None:
    values = [(3.0, 1.0), (3.0, 2.5), (0.4, 0.3)]
    blocks = np.array([[[high, 0.0, 0.0], [0.0, low, 0.0]] for high, low in values])
    found = np.linalg.svd(_spectral_prox(blocks, 1.0), compute_uv=False)
    # 3 → 2 leaves 1 alone; 3 and 2.5 meet at (5.5 − 1) / 2; 0.4 + 0.3 is inside the ball.
    np.testing.assert_allclose(found, [[2.0, 1.0], [2.25, 2.25], [0.0, 0.0]], atol=1e-12)


@pytest.fixture
def basis() -> Array:
    shapes = np.random.default_rng(3).normal(size=(4, 12, 3))
    shapes -= shapes.mean(axis=1, keepdims=True)
    return np.asarray(shapes / np.linalg.norm(shapes, axis=(1, 2), keepdims=True))


def test_fit_of_a_turned_basis_shape_is_that_shape(basis: Array) -> None:
    turns = Rotation.random(6, random_state=1).as_matrix()
    true = 40 * np.einsum("nab,jb->nja", turns, basis[2])
    found = fit_shapes(true[..., :2] + 300.0, np.ones((6, 12)), basis, alpha=0.3)
    np.testing.assert_allclose(found[..., :2], true[..., :2], atol=2.0)  # shrunk, as every norm does
    np.testing.assert_allclose(similarity_align(found, true), true, atol=1e-9)


def test_unknown_keypoints_do_not_count(basis: Array) -> None:
    true = np.einsum("ab,jb->ja", Rotation.random(random_state=2).as_matrix(), basis[1])[None]
    keypoints, weights = true[..., :2].copy(), np.ones((1, 12))
    keypoints[0, 5], weights[0, 5] = np.nan, 0.0
    found = fit_shapes(keypoints, weights, basis, alpha=0.3)
    np.testing.assert_allclose(similarity_align(found, true), true, atol=1e-9)


def test_basis_explains_poses_by_few_shapes(basis: Array) -> None:
    rng = np.random.default_rng(0)
    codes = rng.uniform(0.2, 1.0, (200, 4)) * (rng.random((200, 4)) < 0.5)
    codes[:, 0] += 1.0
    learned = learn_basis(np.einsum("nk,kjc->njc", codes, basis), 4, sparsity=0.001, rounds=60)
    assert learned.shape == (4, 12, 3)
    np.testing.assert_allclose(np.linalg.norm(learned, axis=(1, 2)), 1.0)
    poses = np.einsum("nk,kjc->njc", codes, basis)[:50]
    sight = fit_shapes(poses[..., :2], np.ones((50, 12)), learned, alpha=0.02)
    off = np.linalg.norm(similarity_align(sight, poses) - poses, axis=-1).mean()
    assert off < 0.35 * np.linalg.norm(poses, axis=-1).mean()
