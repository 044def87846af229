"""3DPW: SMPL's joints by name, metres, identities over the sequence."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pose3d_ros.evaluation.datasets.ground_truth import Selection
from pose3d_ros.evaluation.datasets.pw3d import is_pw3d, read_pw3d

from ...conftest import MUCO
from .conftest import walker_m, write_pw3d


def test_joints_that_smpl_has_are_read_and_others_are_lost(tmp_path: Path) -> None:
    path = write_pw3d(tmp_path)
    assert is_pw3d(path)
    (sequence,) = read_pw3d(path, Selection(step=2)).sequences
    assert sequence.name == "downtown_walk_00"
    assert [frame.number for frame in sequence.frames] == [0, 2]
    frame = sequence.frames[1]
    assert frame.name == "downtown_walk_00/image_00002.jpg"
    assert [person.track_id for person in frame.people] == [1, 2]
    joints, expected = frame.people[1].pose.joints_cam_m, walker_m(1, 2)
    lost = [MUCO.index_of[name] for name in ("Head_top", "Head", "Spine", "Thorax")]
    assert np.isnan(joints[lost]).all()
    kept = [i for i in range(21) if i not in lost]
    np.testing.assert_allclose(joints[kept], expected[kept])
