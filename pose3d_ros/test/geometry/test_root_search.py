"""Roots by search: exact for exact inputs, as the closed form, and not brought nearer by noise."""

from __future__ import annotations

import numpy as np

from pose3d_ros.geometry import solve_root
from pose3d_ros.geometry.root_search import nearest_root, search_root
from pose3d_ros.types import Array


def people(count: int, seed: int = 0) -> tuple[Array, Array, Array]:
    """Joints from their roots, the roots, and the keypoints on the plane z = 1."""
    rng = np.random.default_rng(seed)
    relative_m = rng.normal(0, [0.2, 0.5, 0.2], (count, 17, 3))
    root_cam_m = rng.uniform([-1, -0.5, 2], [1, 0.5, 9], (count, 3))
    joints = relative_m + root_cam_m[:, None]
    return relative_m, root_cam_m, joints[..., :2] / joints[..., 2:]


def test_agrees_with_the_exact_solution_to_less_than_a_millimetre() -> None:
    relative_m, root_cam_m, seen = people(50)
    found = search_root(relative_m, seen)
    np.testing.assert_allclose(found.root_cam_m, root_cam_m, atol=1e-3)
    np.testing.assert_allclose(found.root_cam_m, solve_root(relative_m, seen).root_cam_m, atol=1e-3)
    np.testing.assert_allclose(found.residual, 0, atol=1e-4)


def test_noise_does_not_bring_people_nearer() -> None:
    relative_m, root_cam_m, seen = people(600)
    noisy = seen + np.random.default_rng(1).normal(0, 0.01, seen.shape)
    searched, closed = (f(relative_m, noisy).root_cam_m[:, 2] / root_cam_m[:, 2] - 1 for f in (search_root, solve_root))
    assert abs(np.mean(searched)) < 0.2 * abs(np.mean(closed))
    assert np.mean(closed) < -0.01


def test_finds_the_least_distance_in_the_image() -> None:
    relative_m, _, seen = people(20)
    noisy = seen + np.random.default_rng(2).normal(0, 0.01, seen.shape)
    found = search_root(relative_m, noisy)
    for shift in np.concatenate([np.eye(3), -np.eye(3)]) * 0.01:
        moved = relative_m + found.root_cam_m[:, None] + shift
        missed = np.sqrt(((moved[..., :2] / moved[..., 2:] - noisy) ** 2).sum(-1).mean(-1))
        assert (missed >= found.residual - 1e-9).all()


def test_joints_without_weight_or_place_do_not_count() -> None:
    relative_m, root_cam_m, seen = people(3)
    weights = np.ones(seen.shape[:2])
    seen[0, 3], weights[0, 3] = 5.0, 0.0
    seen[1, 4] = np.nan
    np.testing.assert_allclose(search_root(relative_m, seen, weights).root_cam_m, root_cam_m, atol=1e-3)


def test_people_without_enough_joints_are_nan() -> None:
    relative_m, _, seen = people(2)
    seen[0, 1:] = np.nan
    found = search_root(relative_m, seen)
    assert np.isnan(found.root_cam_m[0]).all()
    assert np.isnan(found.residual[0])
    assert np.isfinite(found.root_cam_m[1]).all()
    assert search_root(relative_m[:0], seen[:0]).root_cam_m.shape == (0, 3)


def test_steps_from_the_closed_form_reach_what_the_search_finds() -> None:
    relative_m, _, seen = people(200)
    noisy = seen + np.random.default_rng(3).normal(0, 0.01, seen.shape)
    weights = np.random.default_rng(4).uniform(0.1, 1.0, seen.shape[:2])
    stepped, searched = nearest_root(relative_m, noisy, weights), search_root(relative_m, noisy, weights)
    apart_m = np.linalg.norm(stepped.root_cam_m - searched.root_cam_m, axis=1)
    assert np.quantile(apart_m / searched.root_cam_m[:, 2], 0.95) < 1e-3
    np.testing.assert_allclose(stepped.residual, searched.residual, rtol=1e-3)


def test_steps_from_nowhere_lead_nowhere() -> None:
    relative_m, root_cam_m, seen = people(3)
    seen[0] = 0.1  # all joints in one place
    seen[1, 1:] = np.nan
    found = nearest_root(relative_m, seen)
    assert np.isnan(found.root_cam_m[:2]).all()
    np.testing.assert_allclose(found.root_cam_m[2], root_cam_m[2], atol=1e-6)
    assert nearest_root(relative_m[:0], seen[:0]).root_cam_m.shape == (0, 3)
