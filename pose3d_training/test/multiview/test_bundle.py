"""Bundle adjustment."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.types import Array
from pose3d_training.multiview.bundle import Motion, Priors, _Problem, adjust

from .walkers import SKELETON, TWO, errors_deg, keypoints, walker

TRUE = TWO[1].after(TWO[0].inverse())
FIRST = RigidTransform(np.eye(3), np.zeros(3))


def _motion(world: Array, noise: float, moved_m: float) -> Motion:
    seen = np.stack([keypoints(world, one, noise, seed=s) for s, one in enumerate(TWO)])
    points = TWO[0].apply(world) + moved_m * np.random.default_rng(3).normal(size=world.shape)
    return Motion(seen, np.full(seen.shape[:3], 0.002), points, np.full(len(world) - 1, 1 / 15))


def test_jacobian_is_the_slope_of_the_residuals() -> None:
    few, bones = 8, [bone for bone in SKELETON.edges if max(bone) < 8]
    other = _motion(walker(3)[:, :few], 0.0, 0.1)
    other.points[1, 3] = np.nan
    motions = _motion(walker(4, 1)[:, :few], 0.0, 0.1), other
    problem = _Problem((FIRST, TRUE), motions, Priors(bones, 0.05, 10.0), True)
    at = problem.start() + 0.01 * np.random.default_rng(0).normal(size=len(problem.start()))
    at[:3] = 0.0  # the derivative by a rotation is that at none
    steps = 1e-6 * np.eye(len(at))
    slope = np.stack([(problem.residuals(at + step) - problem.residuals(at - step)) / 2e-6 for step in steps], axis=1)
    assert problem.jacobian(at).toarray() == pytest.approx(slope, rel=1e-4, abs=2e-3)


def test_cameras_come_back() -> None:
    turn = Rotation.from_rotvec([0.02, -0.03, 0.01]).as_matrix()
    start = RigidTransform(turn @ TRUE.rotation, TRUE.translation_m)
    found = adjust((FIRST, start), [_motion(walker(60), 0.0, 0.05)], Priors())
    assert max(errors_deg(found.cameras[1], TRUE)) < 0.05
    assert np.linalg.norm(found.cameras[1].translation_m) == pytest.approx(np.linalg.norm(TRUE.translation_m), rel=1e-4)
    assert found.points[0] == pytest.approx(TWO[0].apply(walker(60)), abs=0.02)


def test_bones_and_smooth_motion_help() -> None:
    world = walker(45)
    motion, true = _motion(world, 0.003, 0.0), TWO[0].apply(world)
    plain, better = (
        np.linalg.norm(adjust((FIRST, TRUE), [motion], priors, move_cameras=False).points[0] - true, axis=-1).mean()
        for priors in (Priors(), Priors(SKELETON.edges, 0.03, 8.0))
    )
    assert better < 0.8 * plain


def test_missing_points_stay_missing() -> None:
    motion = _motion(walker(6), 0.0, 0.0)
    motion.points[2, 5] = np.nan
    found = adjust((FIRST, TRUE), [motion], Priors(SKELETON.edges), move_cameras=False).points[0]
    assert np.argwhere(np.isnan(found).any(axis=-1)).tolist() == [[2, 5]]
