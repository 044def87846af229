"""MPI-INF-3DHP's test set: valid frames, the fitted camera, both sizes of skeletons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.datasets.ground_truth import Selection
from pose3d_ros.evaluation.datasets.mpi_inf_3dhp import is_3dhp, read_3dhp

from .conftest import CAMERA, mat_arrays, walker_m, write_image, write_mat


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """TS1 and TS6, the second one with images."""
    for name in ("TS1", "TS6"):
        (tmp_path / name).mkdir()
        write_mat(tmp_path / name / "annot_data.mat")
    write_image(tmp_path / "TS6/imageSequence/img_000001.jpg")
    return tmp_path


def test_valid_frames_have_joints_in_metres_and_the_camera_that_fits_them(folder: Path) -> None:
    assert is_3dhp(folder)
    dataset = read_3dhp(folder, Selection())
    assert [(s.name, len(s.frames)) for s in dataset.sequences] == [("TS1", 3), ("TS6", 3)]
    sizes = [(s.camera.width_px, s.camera.height_px) for s in dataset.sequences if s.camera]
    assert sizes == [(2048, 2048), (640, 480)]
    camera = dataset.sequences[1].camera
    assert camera is not None
    np.testing.assert_allclose(camera.K_px, CAMERA.K_px, atol=1e-6)
    np.testing.assert_allclose(dataset.frames[1].people[0].pose.joints_cam_m, walker_m(0, 1)[:17])
    assert dataset.frames[3].name == "TS6/img_000001.jpg"


def test_skeletons_of_one_size_are_read_on_demand(folder: Path) -> None:
    dataset = read_3dhp(folder / "TS6/annot_data.mat", Selection(universal=True))
    pose, expected = dataset.frames[0].people[0].pose, walker_m(0, 0)[:17]
    np.testing.assert_allclose(pose.root_cam_m, expected[14])
    np.testing.assert_allclose(pose.joints_cam_m - pose.root_cam_m, 1.1 * (expected - expected[14]))


def test_arrays_of_other_shapes_are_refused(folder: Path) -> None:
    arrays = mat_arrays()
    arrays["annot3"] = arrays["annot3"][:, :16]
    write_mat(folder / "TS1/annot_data.mat", arrays)
    with pytest.raises(InputError, match="annot3: expected 3 x 17 x 1 x 4, got 3 x 16 x 1 x 4"):
        read_3dhp(folder, Selection())
