"""MuPoTS-3D: sequences, valid people, millimetres."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.datasets.ground_truth import Selection
from pose3d_ros.evaluation.datasets.mupots import is_mupots, read_mupots

from .conftest import CAMERA, walker_m, write_mupots


def test_sequences_have_their_images_camera_and_people_in_metres(tmp_path: Path) -> None:
    folder = write_mupots(tmp_path)
    assert is_mupots(folder)
    dataset = read_mupots(folder, Selection())
    assert [sequence.name for sequence in dataset.sequences] == ["TS1", "TS2"]
    first = dataset.sequences[0]
    assert first.camera is not None
    np.testing.assert_allclose(first.camera.K_px, CAMERA.K_px)
    frame = first.frames[1]
    assert frame.name == "TS1/img_000001.jpg"
    assert frame.image is not None
    assert frame.image.is_file()
    np.testing.assert_allclose(frame.people[1].pose.joints_cam_m, walker_m(1, 1)[:17])
    np.testing.assert_allclose(frame.people[1].pose.root_cam_m, walker_m(1, 1)[14])


def test_people_who_are_not_valid_are_left_out(tmp_path: Path) -> None:
    dataset = read_mupots(write_mupots(tmp_path), Selection())
    assert [[person.track_id for person in frame.people] for frame in dataset.frames] == [[1, 2]] * 3 + [[1]]


def test_stamps_belong_to_one_image_whatever_part_is_read(tmp_path: Path) -> None:
    folder = write_mupots(tmp_path)
    whole, part = read_mupots(folder, Selection()), read_mupots(folder, Selection(sequences=("TS2",)))
    assert len({frame.stamp_ns for frame in whole.frames}) == 4
    assert [frame.stamp_ns for frame in part.frames] == [frame.stamp_ns for frame in whole.frames[2:]]


def test_a_file_of_other_numbers_is_named(tmp_path: Path) -> None:
    folder = write_mupots(tmp_path)
    content = json.loads((folder / "MuPoTS-3D.json").read_text())
    content["annotations"][0]["keypoints_cam"].pop()
    (folder / "MuPoTS-3D.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"MuPoTS-3D.json: keypoints_cam: expected 17 x 3 finite numbers"):
        read_mupots(folder, Selection())


def test_no_sequence_of_a_name_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="TS9"):
        read_mupots(write_mupots(tmp_path), Selection(sequences=("TS9",)))


def test_times_are_those_of_the_numbers_of_the_images(tmp_path: Path) -> None:
    folder = write_mupots(tmp_path)
    text = (folder / "MuPoTS-3D.json").read_text()
    (folder / "MuPoTS-3D.json").write_text(text.replace("TS2/img_000001", "TS2/img_000031"))
    first, second = read_mupots(folder, Selection(sequences=("TS2",))).frames
    assert second.stamp_ns - first.stamp_ns == round(31e9 / 30)
