"""Cameras of the rendered recording: what /tf_static says of each is where it was rendered from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl")

from make_multi_camera_bag import MAP_FRAME, PLACES, Place

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.transforms import read_transforms
from pose3d_ros.geometry.camera import Camera
from pose3d_training.synthetic.sequence_bag import START_NS, RecordedCamera, write_transforms


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_transforms_are_where_the_camera_is(tmp_path: Path, place: Place) -> None:
    path = tmp_path / "tf.mcap"
    with BagWriter(path) as bag:
        write_transforms(bag, START_NS, place.mount(), static=True)
    with BagReader(path) as bag:
        found = read_transforms(bag).lookup(MAP_FRAME, RecordedCamera.named(place.name).frame_id, START_NS)
    assert found is not None
    cam2world = place.view(Camera.from_hfov(62.0, 640, 480)).cam2world
    world2map = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(found.rotation, world2map @ cam2world[:3, :3], atol=1e-9)
    np.testing.assert_allclose(found.translation_m, world2map @ cam2world[:3, 3], atol=1e-9)
