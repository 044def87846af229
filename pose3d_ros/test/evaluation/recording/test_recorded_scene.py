"""Floor and depth of a recording at its images; what it lacks is an error that names what it has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.message_types import COMPRESSED_TYPE, pose3d_typestore
from pose3d_ros.bags.transforms import TF_TYPE
from pose3d_ros.config.root_settings import SceneConfig
from pose3d_ros.errors import BagError, InputError
from pose3d_ros.evaluation.recording.offline import run_offline
from pose3d_ros.evaluation.recording.prediction import Predictor
from pose3d_ros.evaluation.recording.recorded_scene import RecordedScene
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Frame, FrameResult

from ...conftest import FRAME_ID, MUCO, Scene

DEPTH = "/camera/aligned/image_raw"
FLOOR = SceneConfig(floor_frame="base_footprint")
IMAGE = np.zeros((480, 640, 3), dtype=np.uint8)


def made(kind: str, **fields: Any) -> Any:
    return pose3d_typestore().types[kind](**fields)


def transform(parent: str, child: str, stamp_ns: int, quaternion: tuple[float, ...], move: tuple[float, ...]) -> Any:
    """A TFMessage of one transform; quaternion x, y, z, w."""
    stamp = made("builtin_interfaces/msg/Time", sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    one = made(
        "geometry_msgs/msg/TransformStamped",
        header=made("std_msgs/msg/Header", stamp=stamp, frame_id=parent),
        child_frame_id=child,
        transform=made(
            "geometry_msgs/msg/Transform",
            translation=made("geometry_msgs/msg/Vector3", **dict(zip("xyz", move, strict=True))),
            rotation=made("geometry_msgs/msg/Quaternion", **dict(zip("xyzw", quaternion, strict=True))),
        ),
    )
    return made(TF_TYPE, transforms=[one])


def depth_message(stamp_ns: int, mm: int) -> Any:
    stamp = made("builtin_interfaces/msg/Time", sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    png = cv2.imencode(".png", np.full((120, 160), mm, dtype=np.uint16))[1].ravel()
    return made(
        COMPRESSED_TYPE,
        header=made("std_msgs/msg/Header", stamp=stamp, frame_id=FRAME_ID),
        format="16UC1; compressedDepth png",
        data=np.concatenate([np.zeros(12, np.uint8), png]),
    )


def recording(scene: Scene, path: Path, *, depth_at: tuple[int, ...] = (0, 2), later: int = 0) -> Path:
    """Three frames of a robot whose mast lowers the camera from 1.4 m by 0.1 m a frame, and depth of some of them.

    later: how many depth images follow, one a second.
    """
    first_ns = scene.stamps_ns[0]
    with BagReader(scene.write(path.with_name("images.mcap"), 3)) as images, BagWriter(path) as bag:
        for topic in images.topics.values():
            bag.add_topic(topic.name, topic.msgtype)
        for message in images.serialized(images.topics):
            bag.write_serialized(message.topic, message.received_ns, message.data)
        level = (-0.5, 0.5, -0.5, 0.5)
        bag.write_message("/tf_static", TF_TYPE, first_ns, transform("mast", FRAME_ID, first_ns, level, (0, 0, 0)))
        for i, stamp_ns in enumerate(scene.stamps_ns[:3]):
            mast = transform("base_footprint", "mast", stamp_ns, (0, 0, 0, 1), (0, 0, 1.4 - 0.1 * i))
            bag.write_message("/tf", TF_TYPE, stamp_ns, mast)
        for i in depth_at:
            message = depth_message(scene.stamps_ns[i], 2000 + i)
            bag.write_message(f"{DEPTH}/compressedDepth", COMPRESSED_TYPE, scene.stamps_ns[i], message)
        for i in range(1, later + 1):
            stamp_ns = scene.stamps_ns[2] + i * 10**9
            bag.write_message(f"{DEPTH}/compressedDepth", COMPRESSED_TYPE, stamp_ns, depth_message(stamp_ns, 3000 + i))
    return path


def frame(scene: Scene, number: int, **fields: Any) -> Frame:
    return replace(Frame(IMAGE, scene.camera, scene.stamps_ns[number], FRAME_ID), **fields)


def test_floor_follows_the_transforms_at_the_images_time(scene: Scene, tmp_path: Path) -> None:
    recorded = RecordedScene(recording(scene, tmp_path / "b.mcap"), FLOOR)
    for number in range(3):
        ground, depth = recorded.of(frame(scene, number))
        assert ground is not None
        assert ground.height_m == pytest.approx(1.4 - 0.1 * number)
        assert (ground.origin, depth) == ("tf", None)
        np.testing.assert_allclose(ground.up_cam, GroundPlane.of_mounting(1.0).up_cam, atol=1e-9)
    assert recorded.of(frame(scene, 0, stamp_ns=scene.stamps_ns[2] + 1)) == (None, None)
    assert recorded.of(frame(scene, 0, frame_id="another")) == (None, None)


def test_camera_moves_in_the_fixed_frame(scene: Scene, tmp_path: Path) -> None:
    recorded = RecordedScene(recording(scene, tmp_path / "b.mcap"), SceneConfig(fixed_frame="base_footprint"))
    assert recorded.of(frame(scene, 0)) == (None, None)
    for number in range(3):
        cam2fixed = recorded.cam2fixed(frame(scene, number))
        assert cam2fixed is not None
        np.testing.assert_allclose(cam2fixed.translation_m, [0, 0, 1.4 - 0.1 * number])
        np.testing.assert_allclose(cam2fixed.rotate(np.array([0.0, -1, 0])), [0, 0, 1], atol=1e-9)
    assert RecordedScene(recording(scene, tmp_path / "b.mcap"), FLOOR).cam2fixed(frame(scene, 0)) is None


@pytest.mark.parametrize("topic", [DEPTH, f"{DEPTH}/compressedDepth"])
def test_depth_belongs_to_the_image_of_its_stamp(scene: Scene, tmp_path: Path, topic: str) -> None:
    config = SceneConfig(depth_topic=topic)
    recorded = RecordedScene(recording(scene, tmp_path / "b.mcap"), config)
    _, depth = recorded.of(frame(scene, 2))
    assert depth is not None
    assert (depth.depth_m == np.float32(2.002)).all()
    np.testing.assert_allclose(depth.camera.K_px[:2], scene.camera.resize(160, 120).K_px[:2])
    assert recorded.of(frame(scene, 1)) == (None, None)


def test_depth_is_read_as_it_is_needed(scene: Scene, tmp_path: Path) -> None:
    config = SceneConfig(depth_topic=DEPTH)
    recorded = RecordedScene(recording(scene, tmp_path / "b.mcap", later=20), config)
    for number in range(20):
        one = frame(scene, 2, stamp_ns=scene.stamps_ns[2] + number * 10**9)
        _, depth = recorded.of(one)
        assert depth is not None
        assert len(recorded._depths._known) <= 4


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (SceneConfig(floor_frame="map"), "transforms of map.*base_footprint, camera_optical_frame, mast"),
        (SceneConfig(fixed_frame="odom"), "transforms of odom.*fixed_frame"),
        (SceneConfig(depth_topic="/depth"), "depth images on /depth.*/camera/image_raw/compressed"),
        (SceneConfig(depth_topic="/camera/camera_info"), "depth images on /camera/camera_info"),
    ],
)
def test_what_the_bag_lacks_is_an_error(scene: Scene, tmp_path: Path, config: SceneConfig, words: str) -> None:
    with pytest.raises(BagError, match=words):
        RecordedScene(recording(scene, tmp_path / "b.mcap"), config)


def test_bag_without_transforms_says_so(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(BagError, match="no /tf"):
        RecordedScene(scene.write(tmp_path / "b.mcap", 1), FLOOR)


def test_depth_topic_of_color_images_is_an_error(scene: Scene, tmp_path: Path) -> None:
    config = SceneConfig(depth_topic="/camera/image_raw/compressed")
    recorded = RecordedScene(recording(scene, tmp_path / "b.mcap"), config)
    with pytest.raises(InputError, match="compressedDepth png"):
        recorded.of(frame(scene, 0))


def test_frames_of_an_offline_run_have_floor_and_depth(scene: Scene, tmp_path: Path) -> None:
    seen: list[Frame] = []

    def find(one: Frame, _: None) -> FrameResult:
        seen.append(one)
        return FrameResult((), (), timings_ms={"detect": 1.0, "pose": 1.0})

    find.skeleton, find.engines = MUCO, SimpleNamespace(backend=SimpleNamespace(name="fake"))  # type: ignore[attr-defined]
    config = replace(FLOOR, depth_topic=DEPTH)
    path = recording(scene, tmp_path / "b.mcap")
    run_offline(path, Predictor(find), lambda *_: None, config)  # type: ignore[arg-type]
    assert [one.ground is not None for one in seen] == [True] * 3
    assert [one.depth is not None for one in seen] == [True, False, True]
