"""Optimal triangulation gives the points of EpipolarPose's code."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_training.multiview.points import optimal_points

CLONE = "POSE3D_EPIPOLARPOSE"
"""Environment variable: a clone of github.com/mkocabas/EpipolarPose."""


def test_points_are_those_of_the_authors_code() -> None:
    """Of keypoints with noise, so that the rays miss each other."""
    path = Path(os.environ.get(CLONE, ""), "lib", "utils", "triangulation.py")
    if not path.is_file():
        pytest.skip(f"{CLONE} names no clone of the authors' code")
    authors = ModuleType("triangulation")
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(authors))
    rng = np.random.default_rng(3)
    first2second = RigidTransform(Rotation.from_euler("xyz", [0.1, -1.0, 0.05]).as_matrix(), np.array([3.0, 0.2, 2.0]))
    points = rng.normal(size=(40, 3)) * 0.5 + [0.0, 0.0, 4.0]
    seen = [one[:, :2] / one[:, 2:] + 0.01 * rng.normal(size=(40, 2)) for one in (points, first2second.apply(points))]
    cameras = np.eye(4), np.eye(4)
    cameras[1][:3, :3], cameras[1][:3, 3] = first2second.rotation, first2second.translation_m
    wanted, _ = authors.polynomial_triangulation(seen[0], cameras[0], seen[1], cameras[1])
    np.testing.assert_allclose(optimal_points(first2second, *seen), wanted, rtol=1e-6, atol=1e-6)
