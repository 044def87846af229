"""Poses of everyday life: kinds, limits, determinism."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_training.synthetic.everyday_poses import KINDS, Kind, everyday_pose
from pose3d_training.synthetic.figure import Figure, make_figure
from pose3d_training.synthetic.joint_limits import beyond_limits
from pose3d_training.synthetic.pose_sampling import to_local

CLIPS = ("02_01", "01_01")
MADE = [kind for kind in KINDS if kind.posture is not None]


@pytest.fixture(scope="module")
def figure(assets: Path) -> Figure:
    return make_figure(assets, 12)


def test_shares_add_up_to_one() -> None:
    assert sum(kind.share for kind in KINDS) == pytest.approx(1)
    assert len({kind.name for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", MADE, ids=[kind.name for kind in MADE])
def test_made_poses_keep_to_the_limits_of_joints(assets: Path, figure: Figure, kind: Kind) -> None:
    rng = np.random.default_rng(5)
    poses = [everyday_pose(assets, CLIPS, figure, rng, kind) for _ in range(12)]
    beyond = [beyond_limits(figure, to_local(figure, pose.turned)) for pose in poses]
    assert sum(bool(b) for b in beyond) <= 1, beyond  # recorded arms that are taken over may be beyond
    for pose in poses:
        assert pose.kind == kind.name
        np.testing.assert_allclose(
            pose.turned @ pose.turned.transpose(0, 2, 1), np.tile(np.eye(3), (31, 1, 1)), atol=1e-9
        )


def test_poses_are_deterministic_and_differ(assets: Path, figure: Figure) -> None:
    first, again, other = (
        everyday_pose(assets, CLIPS, figure, np.random.default_rng(seed)).turned for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
