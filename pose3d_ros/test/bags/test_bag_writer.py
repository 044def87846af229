from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.message_records import TrackNumbers
from pose3d_ros.bags.message_types import IMAGE_TYPE, pose3d_typestore
from pose3d_ros.errors import BagError, InputError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Person, TrackState

IMAGES, INFO, TRUTH = "/camera/image_raw/compressed", "/camera/camera_info", "/ground_truth/people"
FRAME = "camera_optical_frame"


def write(scene: Any, path: Path, frames: int = 3) -> Path:
    with BagWriter(path) as bag:
        for i, stamp in enumerate(scene.stamps_ns[:frames]):
            bag.write_image(IMAGES, stamp, FRAME, scene.image(i))
            bag.write_camera(INFO, stamp, FRAME, scene.camera)
            people = scene.truth[i]
            bag.write_people(TRUTH, stamp, FRAME, people, people[0].pose.skeleton, id_prefix="gt_")
    return path


@pytest.mark.parametrize("name", ["sample.mcap", "folder"])
def test_what_is_written_is_read(scene: Any, tmp_path: Path, name: str) -> None:
    path = write(scene, tmp_path / name)
    assert path.is_file() == name.endswith(".mcap")
    assert [p.name for p in tmp_path.iterdir()] == [name]
    with BagReader(path) as bag:
        assert set(bag.topics) == {IMAGES, INFO, TRUTH}
        assert bag.image_count() == 3
        images, cameras, people = list(bag.images()), list(bag.cameras()), list(bag.people())
    assert [i.stamp_ns for i in images] == list(scene.stamps_ns[:3])
    assert images[0].frame_id == FRAME
    assert np.abs(images[1].image_bgr.astype(int) - scene.image(1)).mean() < 2.0  # JPEG
    np.testing.assert_allclose(cameras[0].camera.K_px, scene.camera.K_px)
    assert (cameras[0].camera.width_px, cameras[0].camera.height_px) == (640, 480)
    for read, written in zip(people[2].people, scene.truth[2], strict=True):
        assert (read.track_id, read.state, read.score) == (written.track_id, TrackState.TRACKED, 1.0)
        np.testing.assert_array_equal(read.pose.joints_cam_m, written.pose.joints_cam_m)
        np.testing.assert_allclose(read.pose.joints_img_px, written.pose.joints_img_px, rtol=1e-6)
        np.testing.assert_allclose(read.pose.detection.box_xyxy_px, written.pose.detection.box_xyxy_px, rtol=1e-5)
        assert read.pose.root_sigma_m == pytest.approx(0.1)


def test_invalid_joints_come_back_as_nan(scene: Any, tmp_path: Path, person_maker: Callable[..., Person]) -> None:
    joints = scene.truth[0][0].pose.joints_cam_m.copy()
    joints[4] = np.nan
    person = person_maker(1, joints, scene.camera)
    with BagWriter(tmp_path / "b.mcap") as bag:
        bag.write_people("people", 5, FRAME, (person,), person.pose.skeleton, model="m", latency_ms=12.5, received_ns=9)
    with BagReader(tmp_path / "b.mcap") as bag:
        (read,) = bag.people()
    assert (read.stamp_ns, read.received_ns, read.model, read.latency_ms) == (5, 9, "m", 12.5)
    assert np.isnan(read.people[0].pose.joints_cam_m[4]).all()
    assert np.isfinite(read.people[0].pose.joints_cam_m[5]).all()


def test_distortion_survives(tmp_path: Path) -> None:
    lens = np.array([-0.2, 0.05, 0.001, -0.001, 0.0])
    camera = Camera(np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), 640, 480, lens, "plumb_bob")
    with BagWriter(tmp_path / "b.mcap") as bag:
        bag.write_camera(INFO, 1, FRAME, camera)
    with BagReader(tmp_path / "b.mcap") as bag:
        (read,) = bag.cameras()
    assert read.camera.model == "plumb_bob"
    np.testing.assert_allclose(read.camera.distortion, lens)


def test_a_missing_topic_lists_what_there_is(scene: Any, tmp_path: Path) -> None:
    path = write(scene, tmp_path / "b.mcap", frames=1)
    with BagReader(path) as bag, pytest.raises(BagError, match=r"/camera/camera_info \(sensor_msgs/msg/CameraInfo\)"):
        next(bag.people("/people"))


def test_two_fitting_topics_must_be_named(scene: Any, tmp_path: Path) -> None:
    with BagWriter(tmp_path / "b.mcap") as bag:
        for topic in ("/left", "/right"):
            bag.write_image(topic, 1, FRAME, scene.image(0))
    with BagReader(tmp_path / "b.mcap") as bag:
        with pytest.raises(BagError, match="got /left, /right"):
            next(bag.images())
        assert next(bag.images("/right")).stamp_ns == 1


@pytest.mark.parametrize("content", [b"", b"not a bag", b"\x89MCAP0\r\n" + bytes(64)])
def test_what_is_no_bag_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.mcap"
    path.write_bytes(content)
    with pytest.raises(BagError, match="readable ROS 2 bag"), BagReader(path):
        pass


def test_a_missing_bag_is_said(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="no such file"):
        BagReader(tmp_path / "none.mcap")
    with pytest.raises(BagError, match="readable"), BagReader(tmp_path):
        pass


def test_a_bag_that_was_cut_off_is_said(scene: Any, tmp_path: Path) -> None:
    path = write(scene, tmp_path / "b.mcap")
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(BagError, match="mcap recover"), BagReader(path) as bag:
        list(bag.images())


def test_raw_images_are_read(tmp_path: Path) -> None:
    store = pose3d_typestore()
    header = store.types["std_msgs/msg/Header"](store.types["builtin_interfaces/msg/Time"](0, 7), FRAME)
    pixels = np.array([1, 2, 3, 4, 5, 6, 99, 99], dtype=np.uint8)  # two pixels of a padded row
    with BagWriter(tmp_path / "b.mcap") as bag:
        bag.write_message("/image_raw", IMAGE_TYPE, 7, store.types[IMAGE_TYPE](header, 1, 2, "rgb8", 0, 8, pixels))
    with BagReader(tmp_path / "b.mcap") as bag:
        (image,) = bag.images()
    assert image.stamp_ns == 7
    assert image.image_bgr.tolist() == [[[3, 2, 1], [6, 5, 4]]]


def test_track_numbers_never_collide() -> None:
    number_of = TrackNumbers()
    assert [number_of(name) for name in ("gt_2", "body_2", "left", "gt_2", "p0")] == [2, 3, 4, 2, 5]


def test_an_error_while_writing_leaves_nothing(scene: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="uint8"), BagWriter(tmp_path / "b.mcap") as bag:
        bag.write_image(IMAGES, 1, FRAME, np.zeros((4, 4, 3)))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_one_type_a_topic(scene: Any, tmp_path: Path) -> None:
    with BagWriter(tmp_path / "b.mcap") as bag:
        bag.write_image("/t", 1, FRAME, scene.image(0))
        with pytest.raises(BagError, match="messages of type"):
            bag.write_camera("/t", 1, FRAME, scene.camera)
