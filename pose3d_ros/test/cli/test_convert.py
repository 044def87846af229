"""`pose3d convert`: datasets to bags that can be replayed, and ground truth back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.cli.main import main
from pose3d_ros.evaluation.datasets.dataset_formats import read_dataset

from ..conftest import Scene
from ..evaluation.datasets.conftest import CAMERA, write_cvml, write_image, write_mot, write_mupots, write_panoptic


def test_sequences_of_a_dataset_are_bags_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = write_mupots(tmp_path / "dataset")
    assert main(["convert", str(dataset), str(tmp_path / "bags")]) == 0
    assert "Sequences: 2. Images: 4. Annotated people: 7." in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "bags").iterdir()) == ["TS1.mcap", "TS2.mcap"]
    with BagReader(tmp_path / "bags/TS2.mcap") as bag:
        assert len(list(bag.images())) == len(list(bag.cameras())) == len(list(bag.people("*ground_truth*"))) == 2


def test_bag_and_json_hold_the_same_people(tmp_path: Path) -> None:
    dataset = write_mupots(tmp_path / "dataset")
    assert main(["convert", str(dataset), str(tmp_path / "TS1.mcap"), "--sequence", "TS1"]) == 0
    assert main(["convert", str(tmp_path / "TS1.mcap"), str(tmp_path / "back/MuPoTS-3D.json")]) == 0
    original, back = read_dataset(dataset).sequences[0], read_dataset(tmp_path / "back").sequences[0]
    for a, b in zip(original.frames, back.frames, strict=True):
        assert b.image is not None
        assert b.image.is_file()
        for one, other in zip(a.people, b.people, strict=True):
            np.testing.assert_allclose(other.pose.joints_cam_m, one.pose.joints_cam_m, atol=1e-5)


def test_one_view_of_several_is_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_panoptic(tmp_path / "dataset")
    assert main(["convert", str(folder), str(tmp_path / "x.mcap")]) == 2
    assert "hd_00_00" in capsys.readouterr().err
    assert main(["convert", str(folder), str(tmp_path / "x.mcap"), "--view", "00_00", "--step", "2"]) == 0
    (sequence,) = read_dataset(tmp_path / "x.mcap").sequences
    assert len(sequence.frames) == 2
    assert sequence.camera is not None
    assert sequence.camera.distortion[0] == 0.01


def test_boxes_need_a_camera_and_come_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = write_mot(tmp_path / "small"), tmp_path / "small.mcap"
    assert main(["convert", str(folder), str(out)]) == 2
    assert "--hfov" in capsys.readouterr().err
    assert main(["convert", str(folder), str(out), "--hfov", "60", "--images", str(folder / "img1")]) == 0
    assert main(["convert", str(out), str(tmp_path / "again.txt")]) == 0
    again, original = read_dataset(tmp_path / "again.txt").frames, read_dataset(folder).frames
    boxes = [[p.pose.detection.box_xyxy_px.round(2).tolist() for p in f.people] for f in (*again, *original)]
    assert boxes[:3] == boxes[3:]


def test_floor_of_a_calibration_is_in_the_bag(tmp_path: Path) -> None:
    path = write_cvml(tmp_path)
    for i in range(2):
        write_image(tmp_path / f"images/frame_{i:04d}.jpg")
    assert main(["convert", str(path), str(tmp_path / "pets.mcap"), "--images", str(tmp_path / "images")]) == 0
    with BagReader(tmp_path / "pets.mcap") as bag:
        assert "/tf_static" in bag.topics


def test_missing_images_and_unknown_output_are_named(
    tmp_path: Path, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_cvml(tmp_path)
    assert main(["convert", str(path), str(tmp_path / "pets.mcap")]) == 2
    assert "--images" in capsys.readouterr().err
    assert not (tmp_path / "pets.mcap").exists()
    bag = scene.write(tmp_path / "scene.mcap", frames=2)
    assert main(["convert", str(bag), str(tmp_path / "x.xlsx")]) == 2
    assert "x.xlsx" in capsys.readouterr().err
    assert main(["convert", str(bag), str(tmp_path / "x.json"), "--step", "0"]) == 2
    assert main(["convert", str(bag), str(tmp_path / "y/x.json")]) == 0
    content = json.loads((tmp_path / "y/x.json").read_text())
    assert len(content["images"]) == 2
    assert CAMERA.width_px == content["images"][0]["width"]
