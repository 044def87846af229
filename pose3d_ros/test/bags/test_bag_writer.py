from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.errors import BagError, InputError, OutputError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import TrackState

from ..conftest import CAMERA_INFO, FRAME_ID, GROUND_TRUTH, IMAGES, Scene, person_at


@pytest.mark.parametrize("name", ["sample.mcap", "folder"])
def test_written_records_are_read_back(scene: Scene, tmp_path: Path, name: str) -> None:
    path = scene.write(tmp_path / name, frames=3)
    assert path.is_file() == name.endswith(".mcap")
    assert [p.name for p in tmp_path.iterdir()] == [name]
    with BagReader(path) as bag:
        assert set(bag.topics) == {IMAGES, CAMERA_INFO, GROUND_TRUTH}
        images, cameras, people = list(bag.images()), list(bag.cameras()), list(bag.people())
    assert [i.stamp_ns for i in images] == list(scene.stamps_ns[:3])
    assert images[0].frame_id == FRAME_ID
    assert np.abs(images[1].image_bgr.astype(int) - scene.image(1)).mean() < 2.0  # JPEG
    np.testing.assert_allclose(cameras[0].camera.K_px, scene.camera.K_px)
    assert (cameras[0].camera.width_px, cameras[0].camera.height_px) == (640, 480)
    for read, written in zip(people[2].people, scene.ground_truth[2], strict=True):
        assert (read.track_id, read.state, read.score) == (written.track_id, TrackState.TRACKED, 1.0)
        np.testing.assert_array_equal(read.pose.joints_cam_m, written.pose.joints_cam_m)
        np.testing.assert_allclose(read.pose.joints_img_px, written.pose.joints_img_px, rtol=1e-6)
        np.testing.assert_allclose(read.pose.detection.box_xyxy_px, written.pose.detection.box_xyxy_px, rtol=1e-5)
        assert read.pose.root_sigma_m == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["bag.mcap", "folder"])
def test_serialized_messages_are_copied_byte_by_byte(scene: Scene, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "new/copy.mcap"
    with BagReader(scene.write(tmp_path / name, frames=3)) as reader, BagWriter(copy) as writer:
        original = list(reader.serialized(reader.topics))
        for topic in reader.topics.values():
            writer.add_topic(topic.name, topic.msgtype)
        for message in original:
            writer.write_serialized(message.topic, message.received_ns, message.data)
    assert len(original) == 9
    with BagReader(copy) as again:
        assert list(again.serialized(again.topics)) == original
        assert [p.stamp_ns for p in again.people()] == list(scene.stamps_ns[:3])
    assert [path.name for path in copy.parent.iterdir()] == ["copy.mcap"]


def test_latched_topics_are_read_as_such(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "b.mcap") as bag:
        bag.add_topic("/tf_static", "tf2_msgs/msg/TFMessage", latched=True)
        bag.add_topic("/tf", "tf2_msgs/msg/TFMessage")
    with BagReader(tmp_path / "b.mcap") as bag:
        assert {topic.name: topic.latched for topic in bag.topics.values()} == {"/tf_static": True, "/tf": False}


def test_invalid_joints_are_read_as_nan(scene: Scene, tmp_path: Path) -> None:
    joints = scene.ground_truth[0][0].pose.joints_cam_m.copy()
    joints[4] = np.nan
    person = person_at(1, joints, scene.camera)
    person = replace(person, pose=replace(person.pose, root_solvers=("depth", "stature")))
    with BagWriter(tmp_path / "b.mcap") as bag:
        bag.write_people(
            "people", 5, FRAME_ID, (person,), person.pose.skeleton, model="m", latency_ms=12.5, received_ns=9
        )
    with BagReader(tmp_path / "b.mcap") as bag:
        (read,) = bag.people()
    assert (read.stamp_ns, read.received_ns, read.model, read.latency_ms) == (5, 9, "m", 12.5)
    np.testing.assert_array_equal(read.people[0].pose.joints_cam_m, joints)
    assert read.people[0].pose.root_solvers == ("depth", "stature")


@pytest.mark.parametrize(
    ("model", "lens"),
    [
        ("plumb_bob", [-0.2, 0.05, 0.001, -0.001, 0.0]),
        ("equidistant", [0.0] * 4),
        ("double_sphere", [-0.2, 0.6]),
        ("omni", [0.9, 0.1, 0.0, 0.0, 0.0]),
        ("pinhole", []),
    ],
)
def test_lens_distortion_and_skew_are_written(scene: Scene, tmp_path: Path, model: str, lens: list[float]) -> None:
    matrix = scene.camera.K_px + np.array([[0.0, -2.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    with BagWriter(tmp_path / "b.mcap") as bag:
        bag.write_camera(CAMERA_INFO, 1, FRAME_ID, Camera(matrix, 640, 480, np.array(lens), model))
    with BagReader(tmp_path / "b.mcap") as bag:
        (read,) = bag.cameras()
    assert read.camera.model == model
    np.testing.assert_array_equal(read.camera.distortion, lens)
    np.testing.assert_array_equal(read.camera.K_px, matrix)


def test_error_while_writing_leaves_nothing_new_and_the_old_bag(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "b.mcap"
    with pytest.raises(InputError, match="uint8"), BagWriter(path) as bag:
        bag.write_image(IMAGES, 1, FRAME_ID, np.zeros((4, 4, 3)))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    before = scene.write(path).read_bytes()
    with pytest.raises(RuntimeError, match="stop"), BagWriter(path):
        raise RuntimeError("stop")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_existing_folder_is_replaced_only_if_it_is_a_bag(scene: Scene, tmp_path: Path) -> None:
    scene.write(scene.write(tmp_path / "bag"), frames=1)
    with BagReader(tmp_path / "bag") as bag:
        assert len(list(bag.images())) == 1
    with pytest.raises(BagError, match=r"ends with \.mcap"):
        BagWriter(tmp_path)


def test_topic_has_one_known_type(scene: Scene, tmp_path: Path) -> None:
    with BagWriter(tmp_path / "b.mcap") as bag:
        bag.write_image("/t", 1, FRAME_ID, scene.image(0))
        with pytest.raises(BagError, match="messages of type"):
            bag.write_camera("/t", 1, FRAME_ID, scene.camera)
        with pytest.raises(BagError, match="my_msgs/msg/Mine"):
            bag.add_topic("/mine", "my_msgs/msg/Mine")


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + ".mcap", "file/below.mcap"])
def test_path_that_can_t_be_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError), BagWriter(tmp_path / name):
        pass
