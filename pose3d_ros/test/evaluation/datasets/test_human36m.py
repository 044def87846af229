"""Human3.6M: subjects, frame steps, world to camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.datasets.ground_truth import Selection
from pose3d_ros.evaluation.datasets.human36m import is_human36m, read_human36m
from pose3d_ros.skeletons import convert, get_skeleton

from ...conftest import MUCO
from .conftest import walker_m, write_human36m


def test_joints_are_in_the_cameras_frame(tmp_path: Path) -> None:
    folder = write_human36m(tmp_path)
    assert is_human36m(folder)
    dataset = read_human36m(folder, Selection())
    assert [s.name for s in dataset.sequences] == [
        f"s_{subject:02d}_act_02_subact_01_ca_{view:02d}" for subject in (9, 11) for view in (1, 2)
    ]
    assert dataset.frames[-1].stamp_ns < 2**31 * 10**9
    assert {sequence.group for sequence in dataset.sequences} == {"Directions"}
    expected = convert(walker_m(0, 2), MUCO, get_skeleton("h36m17"))
    found = dataset.sequences[1].frames[2].people[0].pose.joints_cam_m
    known = np.isfinite(expected)
    assert known.any(axis=1).sum() == 15
    np.testing.assert_allclose(found[known], expected[known], atol=1e-9)


def test_only_selected_subjects_and_every_64th_frame_are_read(tmp_path: Path) -> None:
    folder = write_human36m(tmp_path)
    (folder / "annotations/Human36M_subject9_data.json").write_text("damaged")
    dataset = read_human36m(folder, Selection(sequences=("s_11_*",), step=64))
    assert [[frame.number for frame in sequence.frames] for sequence in dataset.sequences] == [[0, 64]] * 2
    with pytest.raises(InputError, match=r"subject9_data\.json"):
        read_human36m(folder, Selection(sequences=("s_*_ca_02",)))
    with pytest.raises(InputError, match=r"subject9_data\.json"):
        read_human36m(folder, Selection())
