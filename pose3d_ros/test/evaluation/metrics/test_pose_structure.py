"""Pose Structure Score: same cluster or not, whatever size and errors of single joints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.metrics import pose_structure
from pose3d_ros.evaluation.metrics.pose_structure import CLUSTERS, JOINTS, normalized, pose_structure_score
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array

from ...conftest import MUCO, gait_joints_m


def poses(headings: int = 24) -> Array:
    """Walkers seen from all directions, relative to their roots."""
    return np.array([gait_joints_m(0.7 * i, 2 * np.pi * i / headings) for i in range(headings)])


@pytest.mark.parametrize("clusters", CLUSTERS)
def test_score_does_not_depend_on_size_and_falls_with_another_structure(clusters: int) -> None:
    walkers = poses()
    assert pose_structure_score(0.7 * walkers, walkers, MUCO, clusters) == 1.0
    assert pose_structure_score(walkers * [1, -1, 1], walkers, MUCO, clusters) == 0.0
    noisy = walkers + np.random.default_rng(0).normal(0, 0.02, walkers.shape)
    assert pose_structure_score(noisy, walkers, MUCO, clusters) > 0.6


def test_score_is_the_share_of_nearest_centers_that_agree() -> None:
    a, b = poses(), np.roll(poses(), 3, axis=0)
    centers = pose_structure._centers(50)
    wanted = [MUCO.index_of[name] for name in JOINTS]
    nearest = [np.linalg.norm(normalized(p[:, wanted])[:, None] - centers[None], axis=2).argmin(axis=1) for p in (a, b)]
    assert 0.0 < np.mean(nearest[0] == nearest[1]) < 1.0
    assert pose_structure_score(a, b, MUCO, 50) == pytest.approx(np.mean(nearest[0] == nearest[1]))


def test_poses_that_lack_a_joint_are_left_out() -> None:
    a, b = poses(2), poses(2)
    b[1] *= [1, -1, 1]
    b[1, MUCO.index_of["L_Wrist"]] = np.nan
    assert pose_structure_score(a, b, MUCO, 50) == 1.0
    assert np.isnan(pose_structure_score(a[:0], b[:0], MUCO, 50))
    coco = get_skeleton("coco17")
    assert np.isnan(pose_structure_score(np.zeros((1, 17, 3)), np.zeros((1, 17, 3)), coco, 50))


def test_centers_are_those_of_the_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "centers.json"
    path.write_bytes(pose_structure.FILE.read_bytes() + b" ")
    monkeypatch.setattr(pose_structure, "FILE", path)
    pose_structure._centers.cache_clear()
    with pytest.raises(InputError, match="sha256"):
        pose_structure_score(poses(), poses(), MUCO, 50)
    pose_structure._centers.cache_clear()
