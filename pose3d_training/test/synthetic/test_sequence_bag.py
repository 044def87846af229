"""Rendered videos written as bags: transforms, ground truth, velocities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.transforms import read_transforms
from pose3d_ros.geometry import Camera
from pose3d_ros.types import Array
from pose3d_training.synthetic import sequence_bag as bags
from pose3d_training.synthetic.scene_camera import view_at
from pose3d_training.synthetic.sequence import PersonGroundTruth, SequenceFrame
from pose3d_training.synthetic.surroundings import turned

CAMERA = Camera.from_hfov(60.0, 64, 48)


def frame(*people: tuple[int, float]) -> SequenceFrame:
    """People (id, x of all joints) 4 m away."""
    box = np.array([10.0, 10, 20, 40])
    made = tuple(PersonGroundTruth(number, np.tile([x_m, 0.0, 4.0], (27, 1)), box, box, 0.5) for number, x_m in people)
    return SequenceFrame(np.zeros((48, 64, 3), np.uint8), np.zeros((48, 64), np.float32), made)


def velocities(frames: list[SequenceFrame]) -> list[dict[int, float]]:
    return [
        {person.track_id: float(person.velocity_cam_mps[0]) for person in bags.people_of(*three, 10.0, CAMERA)}
        for three in bags.neighbors(frames)
    ]


def test_velocity_is_the_difference_of_the_frames_that_show_the_person() -> None:
    found = velocities([frame((1, 0.0)), frame((1, 0.1), (2, 1.0)), frame((1, 0.4), (2, 0.8))])
    assert found[0] == pytest.approx({1: 1.0})
    assert found[1] == pytest.approx({1: 2.0, 2: -2.0})
    assert found[2] == pytest.approx({1: 3.0, 2: -2.0})


def test_person_of_one_frame_stands() -> None:
    assert velocities([frame((1, 0.3))]) == [{1: 0.0}]


def test_transforms_are_those_of_the_turned_camera(tmp_path: Path) -> None:
    view = turned(view_at(CAMERA.K_px, 64, 48, 1.3, np.deg2rad(7.0), 0.0), np.deg2rad(25.0))
    with BagWriter(tmp_path / "a.mcap") as bag:
        bags.write_transforms(bag, bags.START_NS, bags.camera_mount(1.3, 7.0), static=True)
        turn = bags.Transform(bags.WORLD_FRAME, bags.FLOOR_FRAME, turn_deg=(0.0, 0.0, 25.0))
        bags.write_transforms(bag, bags.START_NS, [turn], static=False)
        person = bags.people_of(*next(bags.neighbors([frame((3, 0.2))])), 10.0, CAMERA)
        bags.write_frame(bag, bags.START_NS, CAMERA, np.zeros((48, 64, 3), np.uint8), person)
    with BagReader(tmp_path / "a.mcap") as bag:
        found = read_transforms(bag).lookup(bags.FRAME_ID, bags.WORLD_FRAME, bags.START_NS)
        people = [one for message in bag.people() for one in message.people]
    assert found is not None
    world_m: Array = np.array([[0.4, 1.6, -3.0], [-2.0, 0.0, -5.0]])  # x right, y up, z towards the viewer
    odom_m = np.stack([-world_m[:, 2], -world_m[:, 0], world_m[:, 1]], axis=1)  # x ahead, y left, z up
    np.testing.assert_allclose(found.apply(odom_m), view.to_cam(world_m), atol=1e-9)
    assert [(one.track_id, one.score) for one in people] == [(3, 0.5)]
