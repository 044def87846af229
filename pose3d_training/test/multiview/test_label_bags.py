"""Files of labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.geometry.extrinsics_file import read_extrinsics
from pose3d_training.multiview.label_bags import write_extrinsics

from .walkers import TWO


def test_extrinsics_are_poses_in_the_first_camera(tmp_path: Path) -> None:
    first2second = TWO[1].after(TWO[0].inverse())
    path = tmp_path / "extrinsics.yaml"
    write_extrinsics(path, ["one", "other"], [RigidTransform(np.eye(3), np.zeros(3)), first2second])
    poses = read_extrinsics(str(path), ("one", "other"))
    assert poses["one"].translation_m == pytest.approx(np.zeros(3))
    assert poses["other"].rotation == pytest.approx(first2second.rotation.T, abs=1e-6)
    assert poses["other"].apply(np.zeros(3)) == pytest.approx(first2second.inverse().translation_m, abs=1e-5)
