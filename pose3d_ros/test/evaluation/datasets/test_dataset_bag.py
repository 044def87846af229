"""A dataset as a bag, and the bag read back as a dataset and as a recording."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.image_decoding import image_file
from pose3d_ros.bags.transforms import read_transforms
from pose3d_ros.errors import CameraError
from pose3d_ros.evaluation.datasets.dataset_bag import CAMERA_FRAME, FLOOR_FRAME, write_sequence
from pose3d_ros.evaluation.datasets.dataset_formats import read_dataset
from pose3d_ros.evaluation.datasets.ground_truth import GroundTruthSequence
from pose3d_ros.geometry.ground_plane import GroundPlane

from .conftest import CAMERA, write_mot, write_mupots


@pytest.fixture
def sequence(tmp_path: Path) -> GroundTruthSequence:
    """TS1 of a small MuPoTS-3D, over a floor."""
    first = read_dataset(write_mupots(tmp_path / "dataset")).sequences[0]
    return replace(first, ground=GroundPlane.of_mounting(1.5, -10.0, 3.0))


def write(path: Path, sequence: GroundTruthSequence) -> int:
    """The bag of a sequence with its own images."""
    return write_sequence(path, sequence, [(f, image_file(f.image)[0]) for f in sequence.frames if f.image])


def test_bag_has_what_the_dataset_has(tmp_path: Path, sequence: GroundTruthSequence) -> None:
    path = tmp_path / "TS1.mcap"
    assert write(path, sequence) == 2
    (back,) = read_dataset(path).sequences
    assert back.camera is not None
    np.testing.assert_allclose(back.camera.K_px, CAMERA.K_px)
    for read, original in zip(back.frames, sequence.frames, strict=True):
        assert read.stamp_ns == original.stamp_ns
        for a, b in zip(read.people, original.people, strict=True):
            assert a.track_id == b.track_id
            np.testing.assert_allclose(a.pose.joints_cam_m, b.pose.joints_cam_m)
            np.testing.assert_allclose(a.pose.joints_img_px, b.pose.joints_img_px, rtol=1e-6)
            np.testing.assert_allclose(a.pose.detection.box_xyxy_px, b.pose.detection.box_xyxy_px, rtol=1e-6)
    with BagReader(path) as bag:
        image = next(bag.images())
        assert image.image_bgr.shape == (480, 640, 3)


def test_floor_of_the_transforms_is_the_datasets(tmp_path: Path, sequence: GroundTruthSequence) -> None:
    write(tmp_path / "TS1.mcap", sequence)
    with BagReader(tmp_path / "TS1.mcap") as bag:
        found = read_transforms(bag).lookup(CAMERA_FRAME, FLOOR_FRAME, 0)
    assert found is not None
    assert sequence.ground is not None
    floor = GroundPlane.of_floor_frame(found.rotation, found.translation_m)
    np.testing.assert_allclose(floor.up_cam, sequence.ground.up_cam, atol=1e-9)
    assert floor.height_m == pytest.approx(1.5)


def test_dataset_without_a_camera_asks_for_one(tmp_path: Path) -> None:
    (sequence,) = read_dataset(write_mot(tmp_path / "small")).sequences
    with pytest.raises(CameraError, match="--hfov"):
        write_sequence(tmp_path / "x.mcap", sequence, [])
