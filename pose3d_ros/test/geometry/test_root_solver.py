"""Roots in closed form: exact for exact inputs, NaN where nothing is known, biased by noise as documented."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.errors import InputError
from pose3d_ros.geometry import solve_root
from pose3d_ros.geometry.root_solver import mehta_root, veges_root, weak_perspective_root
from pose3d_ros.types import Array

SQUARE = np.array([[[-0.5, -0.5, 0.0], [0.5, -0.5, 0.0], [0.5, 0.5, 0.0], [-0.5, 0.5, 0.0]]])
"""A flat person, a metre wide and high."""


def seen(relative_m: Array, root_cam_m: Array) -> Array:
    joints = relative_m + root_cam_m[:, None]
    return np.asarray(joints[..., :2] / joints[..., 2:])


@st.composite
def people(draw: st.DrawFn) -> tuple[Array, Array, Array]:
    """Root-relative joints about a metre across, roots ahead of the camera, and weights."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, joints = draw(st.integers(0, 4)), draw(st.integers(2, 21))
    relative_m = rng.uniform(-0.9, 0.9, (count, joints, 3))
    relative_m[:, 0, :2] += 2.0  # never all on one ray
    return relative_m, rng.uniform([-3, -2, 1.5], [3, 2, 12], (count, 3)), rng.uniform(0.1, 1.0, (count, joints))


SOLVERS = pytest.mark.parametrize("solver", [solve_root, weak_perspective_root, mehta_root, veges_root])


@SOLVERS
def test_by_hand(solver: Any) -> None:
    # Four metres ahead, a metre to the right: the square's corners are at x 0.125 and 0.375, y -0.125 and 0.125.
    solved = solver(SQUARE, np.array([[[0.125, -0.125], [0.375, -0.125], [0.375, 0.125], [0.125, 0.125]]]))
    np.testing.assert_allclose(solved.root_cam_m, [[1, 0, 4]], atol=1e-12)
    np.testing.assert_allclose(solved.residual, [0], atol=1e-12)


@settings(deadline=None)
@given(people())
def test_exact_inputs_give_the_exact_root(case: tuple[Array, Array, Array]) -> None:
    relative_m, root_cam_m, weights = case
    solved = solve_root(relative_m, seen(relative_m, root_cam_m), weights)
    np.testing.assert_allclose(solved.root_cam_m, root_cam_m, atol=1e-9)
    np.testing.assert_allclose(solved.residual, 0, atol=1e-9)


@settings(deadline=None)
@given(people(), st.floats(1e-250, 1e250))
def test_only_the_ratios_of_the_weights_matter(case: tuple[Array, Array, Array], factor: float) -> None:
    relative_m, root_cam_m, weights = case
    noisy = seen(relative_m, root_cam_m) + np.random.default_rng(0).normal(0, 0.01, relative_m[..., :2].shape)
    for solver in (solve_root, weak_perspective_root):
        one, scaled = solver(relative_m, noisy, weights), solver(relative_m, noisy, weights * factor)
        np.testing.assert_allclose(scaled.root_cam_m, one.root_cam_m, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(scaled.residual, one.residual, rtol=1e-9, atol=1e-12)


@settings(deadline=None)
@given(people())
def test_lost_joint_is_as_one_without_a_weight(case: tuple[Array, Array, Array]) -> None:
    relative_m, root_cam_m, weights = case
    noisy = seen(relative_m, root_cam_m) + np.random.default_rng(0).normal(0, 0.01, relative_m[..., :2].shape)
    more = [np.concatenate([a, a[:, :1] + 5], axis=1) for a in (relative_m, noisy, weights)]
    expected = solve_root(relative_m, noisy, weights)
    for lost in (0, 1, 2):
        changed = [array.copy() for array in more]
        changed[lost][:, -1] = 0.0 if lost == 2 else np.nan
        solved = solve_root(*changed)
        np.testing.assert_allclose(solved.root_cam_m, expected.root_cam_m, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(solved.residual, expected.residual, rtol=1e-9, atol=1e-12)


def test_solution_minimizes_the_weighted_residual() -> None:
    rng = np.random.default_rng(3)
    relative_m, weights = rng.uniform(-1, 1, (1, 9, 3)), rng.uniform(0.1, 1, (1, 9))
    noisy = seen(relative_m, np.array([[0.5, -0.2, 5.0]])) + rng.normal(0, 0.02, (1, 9, 2))
    rows = np.zeros((18, 3))
    rows[:9, 0], rows[9:, 1] = 1, 1
    rows[:9, 2], rows[9:, 2] = -noisy[0, :, 0], -noisy[0, :, 1]
    offset = (noisy[0] * relative_m[0, :, 2:] - relative_m[0, :, :2]).T.ravel()
    scale = np.sqrt(np.concatenate([weights[0], weights[0]]))
    expected = np.linalg.lstsq(rows * scale[:, None], offset * scale, rcond=None)[0]
    solved = solve_root(relative_m, noisy, weights)
    np.testing.assert_allclose(solved.root_cam_m[0], expected, rtol=1e-9)
    joints = relative_m[0] + expected
    missed = ((joints[:, :2] / joints[:, 2:] - noisy[0]) ** 2).sum(axis=1)
    np.testing.assert_allclose(solved.residual, np.sqrt((weights[0] * missed).sum() / weights.sum()), rtol=1e-9)


@SOLVERS
def test_undetermined_root_is_nan(solver: Any) -> None:
    right = seen(SQUARE, np.array([[0.0, 0.0, 4.0]]))
    one = np.array([[1.0, 0.0, 0.0, 0.0]])
    cases: dict[str, tuple[Array, Array, Array]] = {
        "one joint": (SQUARE, right, one),
        "no joint": (SQUARE, right, 0 * one),
        "all lost": (np.full_like(SQUARE, np.nan), right, one + 1),
        "seen in one place": (SQUARE, np.full_like(right, 0.1), one + 1),
        "one point in space": (np.zeros_like(SQUARE), right, one + 1),
    }
    for name, case in cases.items():
        solved = solver(*case)
        assert np.isnan(solved.root_cam_m).all(), name
        assert np.isnan(solved.residual).all(), name
    both = solver(*(np.concatenate([a, b]) for a, b in zip(cases["one joint"], (SQUARE, right, one + 1), strict=True)))
    np.testing.assert_allclose(both.root_cam_m, np.array([[np.nan] * 3, [0, 0, 4]]), atol=1e-12)


def test_root_behind_the_camera_is_nan() -> None:
    upside_down = -seen(SQUARE, np.array([[0.0, 0.0, 4.0]]))
    assert np.isnan(solve_root(SQUARE, upside_down).root_cam_m).all()
    reaching = np.concatenate([SQUARE, [[[0.0, 0.0, -9.0]]]], axis=1)
    keypoints = np.concatenate([seen(SQUARE, np.array([[0.0, 0.0, 4.0]])), [[[0.0, 0.0]]]], axis=1)
    assert np.isnan(solve_root(reaching, keypoints).root_cam_m).all()


def test_noise_biases_the_root_towards_the_camera_by_the_documented_fraction() -> None:
    rng = np.random.default_rng(5)
    relative_m = np.repeat(rng.normal(0, 0.3, (1, 17, 3)) * [1, 1, 0], 20_000, axis=0)
    exact = seen(relative_m, np.array([[0.0, 0.0, 5.0]]))
    noise = 0.1 * exact[0].std(axis=0).mean()
    solved = solve_root(relative_m, exact + rng.normal(0, noise, exact.shape))
    spread = np.sqrt(exact[0].var(axis=0).mean())
    nearer = 1 - solved.root_cam_m[:, 2].mean() / 5.0
    # Sixteen of seventeen: the mean takes its share of the noise.
    assert nearer == pytest.approx((noise / spread) ** 2 * 16 / 17, rel=0.1)


def test_weak_perspective_errs_with_depth_over_distance() -> None:
    deep = SQUARE + np.array([0, 0, 0.5]) * [[[1], [1], [-1], [-1]]]
    errors = []
    for distance_m in (4.0, 8.0):
        root = np.array([[0.0, 0.0, distance_m]])
        errors.append(abs(weak_perspective_root(deep, seen(deep, root)).root_cam_m[0, 2] - distance_m))
        np.testing.assert_allclose(solve_root(deep, seen(deep, root)).root_cam_m, root, atol=1e-12)
    assert 0.01 < errors[0] < 0.2
    assert errors[1] == pytest.approx(errors[0] / 2, rel=0.1)


@pytest.mark.parametrize(
    ("relative", "keypoints", "weights"),
    [
        (np.zeros((2, 3)), np.zeros((2, 2)), None),
        (np.zeros((1, 4, 3)), np.zeros((1, 5, 2)), None),
        (np.zeros((1, 4, 3)), np.zeros((1, 4, 3)), None),
        (np.zeros((1, 4, 3)), np.zeros((1, 4, 2)), np.ones((1, 3))),
        (np.zeros((1, 4, 3)), np.zeros((1, 4, 2)), -np.ones((1, 4))),
    ],
)
def test_mismatched_arrays_are_an_error(relative: Any, keypoints: Any, weights: Any) -> None:
    for solver in (solve_root, weak_perspective_root):
        with pytest.raises(InputError, match=r"expected shapes \(N, J, 3\), .* got shapes .* same people"):
            solver(relative, keypoints, weights)


def test_published_formulas_are_alpha_by_hand() -> None:
    # Two joints, (0, 0) and (0, 2) m, seen at (0, 0) and (0.3, 0.4): the spreads' ratio is 1 / 0.25. Véges's divides
    # the sum of squares, 2, by that of the products, 0.4 = 2 * (1 * 0.2).
    relative_m = np.array([[[0.0, 0.0, 0.0], [0.0, 2.0, 0.0]]])
    seen_at = np.array([[[0.0, 0.0], [0.3, 0.4]]])
    np.testing.assert_allclose(mehta_root(relative_m, seen_at).root_cam_m, [[0.6, -0.2, 4.0]])
    np.testing.assert_allclose(veges_root(relative_m, seen_at).root_cam_m, [[0.75, 0.0, 5.0]])


def test_mehta_takes_the_root_to_be_where_the_mean_joint_is() -> None:
    leaning = SQUARE + [0.0, 0.0, 0.5]
    at = seen(leaning, np.array([[0.0, 0.0, 4.0]]))
    assert weak_perspective_root(leaning, at).root_cam_m[0, 2] == pytest.approx(4.0)
    assert mehta_root(leaning, at).root_cam_m[0, 2] == pytest.approx(4.5)
