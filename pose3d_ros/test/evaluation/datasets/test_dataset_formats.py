"""A path's format is known by its content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.errors import BagError, ConfigError, InputError
from pose3d_ros.evaluation.datasets.dataset_formats import FORMATS, format_of, read_dataset

from ...conftest import Scene
from .conftest import (
    write_cvml,
    write_human36m,
    write_mat,
    write_mot,
    write_muco,
    write_mupots,
    write_panoptic,
    write_pw3d,
)

WRITERS: dict[str, Callable[[Path], Path]] = {
    "h36m": write_human36m,
    "mupots": write_mupots,
    "muco": write_muco,
    "3dpw": write_pw3d,
    "panoptic": write_panoptic,
    "mot": lambda folder: write_mot(folder / "small"),
    "pets": write_cvml,
}


@pytest.mark.parametrize("name", WRITERS)
def test_format_is_detected(name: str, tmp_path: Path) -> None:
    path = WRITERS[name](tmp_path)
    assert format_of(path) == name
    assert read_dataset(path).format == name


def test_matlab_file_and_bag_are_detected(tmp_path: Path, scene: Scene) -> None:
    (tmp_path / "TS1").mkdir()
    write_mat(tmp_path / "TS1/annot_data.mat")
    assert format_of(tmp_path) == "3dhp"
    bag = scene.write(tmp_path / "scene.mcap", frames=3)
    assert format_of(bag) == "bag"
    (sequence,) = read_dataset(bag).sequences
    assert [frame.stamp_ns for frame in sequence.frames] == list(scene.stamps_ns[:3])
    expected = scene.ground_truth[0][0].pose.joints_cam_m
    np.testing.assert_allclose(sequence.frames[0].people[0].pose.joints_cam_m, expected)
    assert set(FORMATS) == {*WRITERS, "3dhp", "bag"}


@pytest.mark.parametrize(
    ("name", "got"), [("", "a folder of something else"), ("a.txt", "another file"), ("b", "nothing")]
)
def test_anything_else_is_an_error_that_lists_the_formats(tmp_path: Path, name: str, got: str) -> None:
    (tmp_path / "a.txt").write_text("nothing of the kind")
    with pytest.raises(InputError, match=rf"CMU Panoptic \(panoptic\).*{got}"):
        format_of(tmp_path / name)


def test_unknown_name_of_a_format_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mupots"):
        read_dataset(tmp_path, format_name="mupost")


def test_bag_without_ground_truth_is_an_error(tmp_path: Path, scene: Scene) -> None:
    with BagWriter(tmp_path / "x.mcap") as bag:
        bag.write_image("/image", 1, "camera", scene.image(0))
        bag.write_camera("/camera_info", 1, "camera", scene.camera)
    with pytest.raises(BagError, match="ground_truth"):
        read_dataset(tmp_path / "x.mcap")
