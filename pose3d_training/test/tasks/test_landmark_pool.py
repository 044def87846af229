"""Pools of posed bodies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_training.tasks import landmark_pool
from pose3d_training.tasks.landmark_pool import make_pool

from .landmark_people import AT


def test_pool_has_each_pose_on_several_bodies(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landmark_pool, "POSES_PER_BODY", 2)
    pool = make_pool(assets, ("02_01",), range(2))
    assert pool.shape == (2 * 2 * 3, 31, 3)
    np.testing.assert_array_equal(pool[:, AT["Pelvis"]], 0)
    thigh = np.linalg.norm(pool[:, AT["L_Knee"]] - pool[:, AT["L_Hip"]], axis=-1)
    assert ((thigh > 0.2) & (thigh < 0.6)).all()
    np.testing.assert_array_equal(pool, make_pool(assets, ("02_01",), range(2)))
