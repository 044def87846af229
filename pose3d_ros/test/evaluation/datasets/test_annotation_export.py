"""Ground truth as text of the MOT challenge and as JSON of 3DMPPE, read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import CameraError
from pose3d_ros.evaluation.datasets.annotation_export import MupotsFile, mot_text_of
from pose3d_ros.evaluation.datasets.dataset_formats import read_dataset
from pose3d_ros.geometry.camera import Camera

from ...conftest import Scene
from .conftest import CAMERA, write_mot, write_muco, write_panoptic


def test_mot_text_is_what_was_read(tmp_path: Path) -> None:
    (sequence,) = read_dataset(write_mot(tmp_path / "small")).sequences
    (tmp_path / "again.txt").write_text(mot_text_of(sequence))
    (again,) = read_dataset(tmp_path / "again.txt").sequences
    for read, original in zip(again.frames, sequence.frames, strict=True):
        assert [p.track_id for p in read.people] == [p.track_id for p in original.people]
        for a, b in zip(read.people, original.people, strict=True):
            np.testing.assert_allclose(a.pose.detection.box_xyxy_px, b.pose.detection.box_xyxy_px)


def test_json_holds_people_of_the_17_joints(tmp_path: Path) -> None:
    sequence = read_dataset(write_muco(tmp_path)).sequences[2]
    path = tmp_path / "out/MuPoTS-3D.json"
    file = MupotsFile(path)
    for frame in sequence.frames:
        file.add(sequence, frame, np.zeros((480, 640, 3), np.uint8))
    file.close()
    assert file.left_out == 0
    (again,) = read_dataset(path).sequences
    assert again.name == "unaugmented_set"
    assert again.frames[0].image is not None
    assert again.frames[0].image.is_file()
    original = sequence.frames[1].people[1].pose.joints_cam_m[:17]
    np.testing.assert_allclose(again.frames[1].people[1].pose.joints_cam_m, original, atol=1e-6)


def test_people_without_all_joints_are_counted(tmp_path: Path) -> None:
    sequence = read_dataset(write_panoptic(tmp_path)).sequences[0]
    file = MupotsFile(tmp_path / "x.json")
    flat = replace(sequence, camera=CAMERA)
    file.add(flat, flat.frames[0], np.zeros((480, 640, 3), np.uint8))
    assert file.left_out == 2


def test_lens_can_not_be_told(tmp_path: Path, scene: Scene) -> None:
    (sequence,) = read_dataset(scene.write(tmp_path / "scene.mcap", frames=2)).sequences
    bent = replace(sequence, camera=Camera(CAMERA.K_px, 640, 480, np.array([0.1, 0, 0, 0, 0]), "plumb_bob"))
    with pytest.raises(CameraError, match="plumb_bob"):
        MupotsFile(tmp_path / "x.json").add(bent, bent.frames[0], scene.image(0))
