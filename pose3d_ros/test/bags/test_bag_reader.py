from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose3d_ros.bags.bag_reader import BagReader, sample_bag
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.message_records import TrackIds
from pose3d_ros.bags.message_types import CAMERA_INFO_TYPE, COMPRESSED_TYPE, IMAGE_TYPE, PEOPLE_TYPE, pose3d_typestore
from pose3d_ros.errors import BagError, CameraError, InputError

from ..conftest import GROUND_TRUTH, IMAGES, Scene


@pytest.fixture
def bag(scene: Scene, tmp_path: Path) -> Path:
    return scene.write(tmp_path / "bag.mcap", frames=3)


def test_only_the_requested_topics_are_read(scene: Scene, bag: Path) -> None:
    with BagReader(bag) as reader:
        assert {m.topic for m in reader.serialized([GROUND_TRUTH])} == {GROUND_TRUTH}
        assert reader.topics[GROUND_TRUTH].msgtype == PEOPLE_TYPE
        assert reader.start_ns == scene.stamps_ns[0]


def test_missing_topic_is_an_error_that_lists_the_topics(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "b.mcap") as writer:
        writer.add_topic("/people", PEOPLE_TYPE)
    with (
        BagReader(tmp_path / "b.mcap") as reader,
        pytest.raises(BagError, match=r"/people \(pose3d_msgs/msg/Person3DArray, 0 messages\)"),
    ):
        next(reader.cameras())


def write_camera_info(writer: BagWriter, stamp_ns: int, fx_px: float) -> None:
    """A distorted camera of 8x8 px, whose P has a focal length of 5 px."""
    types = pose3d_typestore().types
    stamp = types["builtin_interfaces/msg/Time"](0, stamp_ns)
    message = types[CAMERA_INFO_TYPE](
        types["std_msgs/msg/Header"](stamp, "cam"),
        8,
        8,
        "plumb_bob",
        np.array([-0.1, 0.0, 0.0, 0.0, 0.0]),
        np.array([fx_px, 0.0, 4.0, 0.0, fx_px, 4.0, 0.0, 0.0, fx_px > 0]),
        np.eye(3).ravel(),
        np.array([5.0, 0.0, 4.0, 0.0, 0.0, 5.0, 4.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        0,
        0,
        types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False),
    )
    writer.write_message("/camera_info", CAMERA_INFO_TYPE, stamp_ns, message)


@pytest.mark.parametrize(("topic", "focal_px"), [("/image_raw", 6.0), ("/image_rect_color", 5.0)])
def test_camera_is_that_of_the_raw_or_the_rectified_images(tmp_path: Path, topic: str, focal_px: float) -> None:
    with BagWriter(tmp_path / "b.mcap") as writer:
        writer.write_image(topic, 1, "cam", np.zeros((8, 8, 3), np.uint8))
        write_camera_info(writer, 1, 6.0)
    with BagReader(tmp_path / "b.mcap") as reader:
        (found,) = reader.cameras()
    assert found.camera.fx_px == focal_px


def test_zeros_before_the_calibration_are_left_out(tmp_path: Path) -> None:
    for name, focals_px in (("late", (0.0, 0.0, 6.0)), ("never", (0.0, 0.0))):
        with BagWriter(tmp_path / f"{name}.mcap") as writer:
            for stamp_ns, fx_px in enumerate(focals_px, start=1):
                write_camera_info(writer, stamp_ns, fx_px)
    with BagReader(tmp_path / "late.mcap") as reader:
        assert [found.stamp_ns for found in reader.cameras()] == [3]
    with BagReader(tmp_path / "never.mcap") as reader, pytest.raises(CameraError, match="fx, fy > 0"):
        list(reader.cameras())


def test_two_fitting_topics_are_an_error_unless_one_is_named(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "b.mcap") as writer:
        for topic in ("/left", "/right"):
            writer.write_image(topic, 1, "cam", np.zeros((8, 8, 3), np.uint8))
    with BagReader(tmp_path / "b.mcap") as reader:
        with pytest.raises(BagError, match=r"got /left \(.*, 1 messages\), /right \("):
            next(reader.images())
        assert next(reader.images("/right")).stamp_ns == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.mcap", b"not a bag", "mcap recover"),
        ("x.mcap", b"\x89MCAP0\r\n" + bytes(64), "mcap recover"),
        ("x.bag", b"#ROSBAG V2.0\n", "got a ROS 1 recording. Convert it: rosbags-convert"),
    ],
)
def test_file_that_is_no_ros2_bag_is_an_error(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BagError, match=f"{name}: expected a readable ROS 2 bag.*{message}"), BagReader(tmp_path / name):
        pass


@pytest.mark.parametrize(("name", "message"), [("none.mcap", "no such file"), (".", "readable")])
def test_missing_bag_is_an_error(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(BagError, match=message), BagReader(tmp_path / name):
        pass


def test_bag_without_a_whole_record_is_an_error(bag: Path) -> None:
    bag.write_bytes(bag.read_bytes()[:1000])
    with pytest.raises(BagError, match="an empty bag; the recording was cut off"), BagReader(bag) as reader:
        list(reader.images())


def test_damaged_message_is_an_error(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "b.mcap") as writer:
        writer.add_topic("/people", PEOPLE_TYPE)
        writer.write_serialized("/people", 1, b"\0\1\0\0")
    with BagReader(tmp_path / "b.mcap") as reader, pytest.raises(BagError, match="damaged message on /people"):
        list(reader.people())


def test_uncompressed_images_are_read(tmp_path: Path) -> None:
    types = pose3d_typestore().types
    header: Any = types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](0, 7), "cam")
    pixels = np.array([1, 2, 3, 4, 5, 6, 99, 99], dtype=np.uint8)  # two pixels of a padded row
    with BagWriter(tmp_path / "b.mcap") as writer:
        writer.write_message("/image_raw", IMAGE_TYPE, 7, types[IMAGE_TYPE](header, 1, 2, "rgb8", 0, 8, pixels))
    with BagReader(tmp_path / "b.mcap") as reader:
        (image,) = reader.images()
    assert image.stamp_ns == 7
    assert image.image_bgr.tolist() == [[[3, 2, 1], [6, 5, 4]]]


def test_track_ids_never_collide() -> None:
    number_of = TrackIds()
    assert [number_of(name) for name in ("gt_2", "body_2", "left", "gt_2", "p0")] == [2, 3, 4, 2, 5]


def test_missing_sample_recording_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("pose3d_ros.bags.bag_reader.share_directories", lambda: (tmp_path,))
    with pytest.raises(BagError, match="--bag"):
        sample_bag()
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples/people_crossing.mcap").write_bytes(b"")
    assert sample_bag() == tmp_path / "samples/people_crossing.mcap"


def test_images_that_can_not_be_decoded_are_left_out_and_named(scene: Scene, tmp_path: Path) -> None:
    with BagReader(scene.write(tmp_path / "whole.mcap", frames=4)) as whole:
        messages = list(whole.serialized((IMAGES,)))
    with BagWriter(tmp_path / "one_cut.mcap") as writer:
        writer.add_topic(IMAGES, COMPRESSED_TYPE)
        for number, message in enumerate(messages):
            data = bytearray(message.data)
            if number == 2:
                data[-800:] = bytes(800)
            writer.write_serialized(IMAGES, message.received_ns, bytes(data))
    with BagReader(tmp_path / "one_cut.mcap") as bag:
        named: list[str] = []
        stamps = [image.stamp_ns for image in bag.images(unusable=named.append)]
        assert stamps == [scene.stamps_ns[i] for i in (0, 1, 3)]
        (line,) = named
        assert line.startswith(f"image 3 of {IMAGES}, stamp {scene.stamps_ns[2]} ns: compressed image: ")
        assert list(bag.image_stamps_ns()) == list(scene.stamps_ns[:4])
        with pytest.raises(InputError, match="cut short"):
            list(bag.images())
