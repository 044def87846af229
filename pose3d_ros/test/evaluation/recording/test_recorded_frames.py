"""The images of a bag in order, each with its camera; what can't be used stays in its place, with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.message_records import UnusableImage
from pose3d_ros.errors import BagError, CameraError
from pose3d_ros.evaluation.recording.recorded_frames import RecordedFrames, RecordingChoice, usual_rate_hz
from pose3d_ros.geometry.camera import Camera

from ...conftest import CAMERA_INFO, FRAME_ID, IMAGES, Scene

S = 1_000_000_000


def stamped(scene: Scene, path: Path, stamps_ns: Sequence[int]) -> Path:
    """Images with these stamps, recorded in this order, a millisecond apart."""
    with BagReader(scene.write(path.with_name("source.mcap"), 1)) as source, BagWriter(path) as writer:
        (info,) = source.serialized((CAMERA_INFO,))
        (image,) = source.serialized((IMAGES,))
        for name, message in ((CAMERA_INFO, info), (IMAGES, image)):
            writer.add_topic(name, source.topics[name].msgtype)
            for number, stamp in enumerate(stamps_ns):
                stamp_bytes = np.array([stamp // S, stamp % S], dtype=np.uint32).tobytes()
                data = message.data[:4] + stamp_bytes + message.data[12:]
                writer.write_serialized(name, number * 1_000_000, data)
    return path


def used(frames: RecordedFrames) -> list[int]:
    """Stamps of the frames; those of what can't be used are negative."""
    return [-(f.stamp_ns or 0) if isinstance(f, UnusableImage) else f.stamp_ns for f in frames]


def test_late_and_repeated_images_are_left_out(scene: Scene, tmp_path: Path) -> None:
    frames = RecordedFrames(stamped(scene, tmp_path / "b.mcap", [9 * S, 10 * S, 10 * S - 5, 10 * S, 11 * S]))
    assert used(frames) == [9 * S, 10 * S, -(10 * S - 5), -10 * S, 11 * S]
    assert (frames.count, len(frames.unusable), frames.remarks) == (5, 2, [])


def test_clock_that_was_set_back_is_said_and_its_images_are_used(scene: Scene, tmp_path: Path) -> None:
    stamps = [100 * S, 101 * S, 50 * S, 51 * S, 100 * S]  # the last one was there before
    frames = RecordedFrames(stamped(scene, tmp_path / "b.mcap", stamps))
    assert used(frames) == [*stamps[:4], -100 * S]
    (remark,) = frames.remarks
    assert remark == f"the clock was set back by 51.0 s at image 3 of {IMAGES}: all tracks end there"


def test_image_of_another_size_in_the_middle_is_left_out(scene: Scene, tmp_path: Path) -> None:
    with BagWriter(tmp_path / "b.mcap") as bag:
        for number, size in enumerate(((480, 640), (240, 320), (480, 640)), 1):
            bag.write_camera(CAMERA_INFO, number, FRAME_ID, scene.camera)
            bag.write_image(IMAGES, number, FRAME_ID, np.zeros((*size, 3), np.uint8))
    frames = RecordedFrames(tmp_path / "b.mcap")
    assert used(frames) == [1, -2, 3]
    assert "expected 640x480 as camera_info says, got 320x240" in frames.problems[0]


def test_damaged_message_in_the_middle_is_left_out(scene: Scene, tmp_path: Path) -> None:
    with BagReader(scene.write(tmp_path / "a.mcap", 3)) as source, BagWriter(tmp_path / "b.mcap") as writer:
        for topic in (CAMERA_INFO, IMAGES):
            writer.add_topic(topic, source.topics[topic].msgtype)
            for number, message in enumerate(source.serialized((topic,))):
                data = message.data[:30] if (topic, number) == (IMAGES, 1) else message.data
                writer.write_serialized(topic, message.received_ns, data)
    frames = RecordedFrames(tmp_path / "b.mcap")
    first, bad, last = frames
    assert isinstance(bad, UnusableImage)
    assert [frame.stamp_ns for frame in (first, last)] == [scene.stamps_ns[0], scene.stamps_ns[2]]
    assert "image 2 of" in frames.problems[0]
    assert "a damaged message on" in frames.problems[0]


def test_given_camera_replaces_camera_info(scene: Scene, tmp_path: Path) -> None:
    path = scene.write(tmp_path / "b.mcap", 2, Camera.from_hfov(60.0, 320, 240))
    choice = RecordingChoice(camera_of=partial(Camera.from_hfov, 50.0))
    cameras = [f.camera for f in RecordedFrames(path, choice=choice) if not isinstance(f, UnusableImage)]
    assert [(c.width_px, round(c.fx_px)) for c in cameras] == [(640, round(320 / np.tan(np.deg2rad(25))))] * 2


def test_recording_without_a_camera_names_the_options(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "b.mcap") as bag:
        bag.write_image(IMAGES, 1, FRAME_ID, np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(BagError, match=r"CameraInfo.*\(--camera\), or a field of view \(--hfov\)"):
        RecordedFrames(tmp_path / "b.mcap")


def test_camera_info_of_zeros_only_names_the_options(scene: Scene, tmp_path: Path) -> None:
    with BagReader(scene.write(tmp_path / "a.mcap", 2)) as source, BagWriter(tmp_path / "b.mcap") as writer:
        for topic in (CAMERA_INFO, IMAGES):
            writer.add_topic(topic, source.topics[topic].msgtype)
            for message in source.serialized((topic,)):
                focal = np.float64(scene.camera.fx_px).tobytes()
                data = message.data.replace(focal, bytes(8)) if topic == CAMERA_INFO else message.data
                writer.write_serialized(topic, message.received_ns, data)
    with pytest.raises(CameraError, match=r"b\.mcap.*got .*--camera.*--hfov"):
        RecordedFrames(tmp_path / "b.mcap")


def test_too_large_images_are_left_out(scene: Scene, tmp_path: Path) -> None:
    path = scene.write(tmp_path / "b.mcap", 2)
    with pytest.raises(BagError, match="max_image_pixels"):
        list(RecordedFrames(path, choice=RecordingChoice(max_image_pixels=1000)))


@pytest.mark.parametrize(
    ("stamps_ns", "rate_hz"),
    [((), 1.0), ((5,), 1.0), ((0, 50_000_000, 100_000_000, 900_000_000), 20.0), ((0, 1, 2), 240.0), ((7, 7, 7), 1.0)],
)
def test_rate_is_one_that_cameras_have(stamps_ns: tuple[int, ...], rate_hz: float) -> None:
    assert usual_rate_hz(stamps_ns) == pytest.approx(rate_hz)
