"""MuCo-3DHP: 21 joints, a sequence for each folder and camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pose3d_ros.config.settings import TrackerConfig
from pose3d_ros.evaluation.datasets.ground_truth import Selection
from pose3d_ros.evaluation.datasets.muco import is_muco, read_muco
from pose3d_ros.evaluation.datasets.mupots import is_mupots

from .conftest import walker_m, write_muco


def test_images_of_a_folder_and_a_camera_are_a_sequence(tmp_path: Path) -> None:
    path = write_muco(tmp_path)
    assert is_muco(path)
    assert is_muco(tmp_path)
    assert not is_mupots(path)
    dataset = read_muco(path, Selection())
    assert [sequence.name for sequence in dataset.sequences] == [
        "augmented_set_1",
        "augmented_set_2",
        "unaugmented_set",
    ]
    assert [s.camera.fx_px for s in dataset.sequences if s.camera] == [700.0, 900.0, 700.0]
    np.testing.assert_allclose(dataset.sequences[2].frames[1].people[1].pose.joints_cam_m, walker_m(1, 3))


def test_images_are_further_apart_than_tracks_last(tmp_path: Path) -> None:
    frames = read_muco(write_muco(tmp_path), Selection()).sequences[2].frames
    assert frames[1].stamp_ns - frames[0].stamp_ns > TrackerConfig().max_gap_s * 1e9
