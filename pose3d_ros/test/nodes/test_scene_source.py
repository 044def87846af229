"""What a robot knows of the scene: the floor by TF or an IMU, depth at the image's time; what lacks is said, once."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu
from std_msgs.msg import Header

from pose3d_ros.config.root_settings import SceneConfig
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.nodes.problems import Level
from pose3d_ros.nodes.topics import latched_qos

from .rigs.scene_rig import CAMERA, Buffer, SceneRig, UnknownTransform, header

MOUNTED = GroundPlane.of_mounting(1.2, -6.0)
DEPTH_TOPIC = "depth/image_raw"
MM = np.full((48, 64), 2500, dtype="<u2")


@pytest.fixture
def robot(graph: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., SceneRig]]:
    monkeypatch.setitem(sys.modules, "tf2_ros", Mock(TransformException=UnknownTransform, Buffer=Buffer))
    made: list[SceneRig] = []

    def make(**scene: Any) -> SceneRig:
        made.append(SceneRig(graph, **scene))
        return made[-1]

    yield make
    for each in made:
        each.source.close()


def is_mounted(ground: GroundPlane | None, origin: str) -> bool:
    return (
        ground is not None
        and ground.origin == origin
        and ground.height_m == pytest.approx(1.2)
        and bool(np.allclose(ground.up_cam, MOUNTED.up_cam, atol=1e-6))
    )


def test_nothing_is_known_and_said_without_parameters(robot: Callable[..., SceneRig]) -> None:
    one = robot(camera_height_m=1.2)
    assert (one.ground(), one.depth(), one.problems, one.source._subscriptions) == (None, None, [], [])


def test_floor_frame_gives_the_plane_of_the_images_frame(robot: Callable[..., SceneRig]) -> None:
    one = robot(floor_frame="base_footprint")
    assert is_mounted(one.ground(), "tf")
    one.buffer.latest_ns = 1  # the image is ahead of TF: the camera's mounting hardly changes
    assert is_mounted(one.ground(), "tf")
    assert one.problems == []


def test_floor_frame_that_tf_does_not_connect_is_said_until_it_does(robot: Callable[..., SceneRig]) -> None:
    one = robot(floor_frame="base_footprint")
    one.buffer.known.clear()
    assert one.ground() is None
    assert "TF does not connect 'base_footprint' and 'optical'" in one.problems[0]
    assert [level for level, _ in one.logged] == [Level.WARN]
    one.mount()
    one.later()
    assert is_mounted(one.ground(), "tf")
    assert one.problems == []


def test_fixed_frame_gives_the_camera_at_the_images_time_alone(robot: Callable[..., SceneRig]) -> None:
    one = robot(fixed_frame="odom")
    assert one.source.cam2fixed(header(5.0)) is None
    assert "not in fixed_frame: TF does not connect 'optical' and 'odom'" in one.problems[0]
    one.later()
    one.buffer.know("odom", "optical", Rotation.identity(), (1.0, 2.0, 3.0))
    found = one.source.cam2fixed(header(5.0))
    assert found is not None
    np.testing.assert_allclose(found.translation_m, [1, 2, 3])
    assert (one.ground(), one.problems) == (None, [])
    one.buffer.latest_ns = 1  # where a robot was before is not where it is
    assert one.source.cam2fixed(header(5.0)) is None


def test_camera_below_the_floor_frame_is_said(robot: Callable[..., SceneRig]) -> None:
    one = robot(floor_frame="base_footprint")
    one.buffer.know("optical", "base_footprint", Rotation.from_euler("x", 90, degrees=True), (0.0, -1.2, 0.0))
    assert one.ground() is None
    assert "a camera above it" in one.problems[0]


@pytest.mark.parametrize("scene", [{"floor_frame": "map"}, {"imu_topic": "imu", "camera_height_m": 1.2}])
def test_missing_tf2_ros_is_said_until_the_node_is_cleaned_up(
    graph: Any, monkeypatch: pytest.MonkeyPatch, scene: dict[str, Any]
) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)
    one = SceneRig(graph, **scene)
    assert one.ground() is None
    assert "floor_frame" in one.problems[0]
    one.later()
    assert len(one.problems) == 1
    one.source.close()
    assert one.problems == []


def test_transforms_are_forgotten_when_the_clock_goes_back(robot: Callable[..., SceneRig]) -> None:
    one = robot(floor_frame="base_footprint")
    for stamp_s in (5.0, 5.1, 4.9):  # the last is late, as of a network that reorders
        one.ground(stamp_s)
    assert one.buffer.cleared == 0
    assert is_mounted(one.ground(1.0), "tf")
    one.ground(1.1)
    assert one.buffer.cleared == 1


def imu_message(*, pitch_down_deg: float = 6.0, roll_deg: float = 0.0, oriented: bool = False) -> Imu:
    """Of an IMU at rest whose x looks ahead and down by that angle. oriented: by orientation, in free fall."""
    message = Imu(header=Header(frame_id="imu"))
    turn = Rotation.from_euler("YX", [pitch_down_deg, roll_deg], degrees=True)
    q = message.orientation
    if oriented:
        q.x, q.y, q.z, q.w = (Rotation.from_euler("Z", 70, degrees=True) * turn).as_quat().tolist()
        return message
    message.orientation_covariance[0] = -1.0
    q.w = 1.0
    up = turn.inv().apply([0.0, 0.0, 9.81])
    a = message.linear_acceleration
    a.x, a.y, a.z = up.tolist()
    return message


@pytest.mark.parametrize("oriented", [False, True])
def test_imu_gives_the_tilt(robot: Callable[..., SceneRig], oriented: bool) -> None:
    one = robot(imu_topic="imu", camera_height_m=1.2)
    send = one.graph.publish(Imu, "imu", one.source._subscriptions[0].qos_profile)
    send(imu_message(oriented=oriented))
    one.graph.spin_until(lambda: one.source._up_imu is not None)
    assert is_mounted(one.ground(), "imu")
    assert one.problems == []


def test_imu_of_zeros_has_no_orientation(robot: Callable[..., SceneRig]) -> None:
    one = robot(imu_topic="imu", camera_height_m=1.2)
    message = imu_message()
    message.orientation.w, message.orientation_covariance[0] = 0.0, 0.0
    one.source._on_imu(message)
    assert is_mounted(one.ground(), "imu")


def test_accelerations_of_the_robot_itself_are_left_out_and_noise_averaged(robot: Callable[..., SceneRig]) -> None:
    one = robot(imu_topic="imu", camera_height_m=1.2)
    one.source._on_imu(imu_message())
    braking = imu_message()
    braking.linear_acceleration.x = -8.0
    one.source._on_imu(braking)
    assert is_mounted(one.ground(), "imu")
    one.source._on_imu(imu_message(pitch_down_deg=16.0))  # a bump a moment later
    ground = one.ground()
    assert ground is not None
    assert float(ground.up_cam @ MOUNTED.up_cam) > np.cos(np.deg2rad(5.0))


def test_imu_that_is_silent_and_height_that_lacks_are_said_until_they_come(robot: Callable[..., SceneRig]) -> None:
    one = robot(imu_topic="imu")
    assert one.ground() is None
    assert "Set camera_height_m" in one.problems[0]
    one.source.scene = SceneConfig(imu_topic="imu", camera_height_m=1.2)
    assert one.ground() is None
    assert "no message with a direction up on imu" in one.problems[0]
    one.source._on_imu(imu_message())
    one.later()
    assert is_mounted(one.ground(), "imu")
    assert one.problems == []


def test_tilt_of_an_imu_that_fell_silent_is_not_kept(
    robot: Callable[..., SceneRig], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = robot(imu_topic="imu", camera_height_m=1.2)
    one.source._on_imu(imu_message())
    assert is_mounted(one.ground(), "imu")
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + 2.5)
    assert one.ground() is None
    assert "no message with a direction up on imu for 2.5 s" in one.problems[0]
    one.source._on_imu(imu_message())
    one.later()
    assert is_mounted(one.ground(), "imu")
    assert one.problems == []


def depth_message(stamp_s: float, frame_id: str = "optical", encoding: str = "16UC1") -> Image:
    return Image(header=header(stamp_s, frame_id), height=48, width=64, encoding=encoding, step=128, data=MM.tobytes())


def depth_info(camera: Camera = CAMERA) -> CameraInfo:
    return CameraInfo(
        width=camera.width_px,
        height=camera.height_px,
        k=camera.K_px.ravel(),
        p=np.hstack([camera.K_px, np.zeros((3, 1))]).ravel(),
        distortion_model="plumb_bob",
        d=[0.0] * 5,
    )


def with_depth(robot: Callable[..., SceneRig], info: CameraInfo | None = None, *stamps_s: float) -> SceneRig:
    one = robot(depth_topic=DEPTH_TOPIC)
    if info is not None:
        one.source._on_depth_info(info)
    for stamp_s in stamps_s:
        one.source._on_depth(depth_message(stamp_s))
    return one


def send_until(one: SceneRig, send: Callable[[Any], None], message: Any, heard: Callable[[], bool]) -> None:
    """Again and again: what comes while the subscription is fitted to its publisher is lost."""
    while not heard():
        send(message)
        one.graph.spin_for(0.1)


def _heard(one: SceneRig, at_ns: int) -> bool:
    return at_ns in [known_ns for known_ns, _ in one.source._depths]


def test_depth_of_the_images_time_comes_with_its_camera(robot: Callable[..., SceneRig]) -> None:
    one = robot(depth_topic=DEPTH_TOPIC)
    info = one.graph.publish(CameraInfo, "depth/camera_info")
    send = one.graph.publish(Image, DEPTH_TOPIC)
    one.source.poll()
    send_until(one, info, depth_info(), lambda: one.source._depth_cameras.received > 0)
    for stamp_s in (4.966, 5.001, 5.033):
        heard = partial(_heard, one, round(stamp_s * 1e9))
        send_until(one, send, depth_message(stamp_s), heard)
    found = one.depth()
    assert (found.depth_m == np.float32(2.5)).all()
    np.testing.assert_allclose(found.camera.K_px, CAMERA.K_px)
    assert one.problems == []


def test_depths_camera_info_that_was_sent_once_before_is_heard(graph: Any, robot: Callable[..., SceneRig]) -> None:
    publisher = graph.node.create_publisher(CameraInfo, "depth/camera_info", latched_qos())
    publisher.publish(depth_info())
    one = robot(depth_topic=DEPTH_TOPIC)

    def heard() -> bool:
        one.source.poll()
        return one.source._depth_cameras.received > 0

    graph.spin_until(heard)


def test_compressed_depth_is_read_with_the_camera_info_beside_the_raw_topic(robot: Callable[..., SceneRig]) -> None:
    one = robot(depth_topic=f"{DEPTH_TOPIC}/compressedDepth")
    info = one.graph.publish(CameraInfo, "depth/camera_info")
    send = one.graph.publish(CompressedImage, f"{DEPTH_TOPIC}/compressedDepth")
    send_until(one, info, depth_info(), lambda: one.source._depth_cameras.received > 0)
    data = bytes(12) + cv2.imencode(".png", MM)[1].tobytes()
    message = CompressedImage(header=header(5.0), format="16UC1; compressedDepth png", data=data)
    send_until(one, send, message, lambda: bool(one.source._depths))
    assert (one.depth().depth_m == np.float32(2.5)).all()


def test_depth_that_comes_a_little_later_is_waited_for(
    robot: Callable[..., SceneRig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pose3d_ros.nodes.scene_source._DEPTH_WAIT_S", 60.0)
    one = with_depth(robot, depth_info(), 4.9)
    threading.Timer(0.05, lambda: one.source._on_depth(depth_message(5.0))).start()
    assert one.depth() is not None
    assert one.problems == []


def test_depth_that_lacks_is_said_and_not_waited_for_once_a_later_one_is_there(
    robot: Callable[..., SceneRig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pose3d_ros.nodes.scene_source._DEPTH_WAIT_S", 60.0)
    one = with_depth(robot, depth_info())
    begin_s = time.monotonic()
    assert one.depth() is None
    assert "is the driver's aligned depth switched on?" in one.problems[0]
    one.source._on_depth(depth_message(5.1))
    assert one.depth() is None
    assert "its stamps must be the images'" in one.problems[0]
    assert time.monotonic() - begin_s < 30.0
    one.later()
    assert one.depth(5.1) is not None
    assert one.problems == []


def test_depth_of_a_long_queue_of_images_is_still_there(robot: Callable[..., SceneRig]) -> None:
    one = with_depth(robot, depth_info(), *(5.0 + i / 30 for i in range(25)))
    assert one.depth() is not None


@pytest.mark.parametrize(
    ("info", "message", "words"),
    [
        (None, depth_message(5.0), "depth/camera_info, got none so far"),
        (CameraInfo(width=64, height=48), depth_message(5.0), "camera_info"),
        (depth_info(Camera.from_hfov(60.0, 128, 96)), depth_message(5.0), "64x48 as the image"),
        (depth_info(Camera.from_hfov(80.0, 64, 48)), depth_message(5.0), "is not aligned with the image"),
        (depth_info(), depth_message(5.0, "depth_optical"), "is not aligned with the image"),
        (depth_info(), depth_message(5.0, encoding="bgr8"), "16UC1"),
    ],
)
def test_unusable_depth_is_said_and_over_with_one_that_fits(
    robot: Callable[..., SceneRig], info: CameraInfo | None, message: Image, words: str
) -> None:
    one = with_depth(robot, info)
    one.source._on_depth(message)
    assert one.depth() is None
    assert any(words in text for text in one.problems)
    assert "fallback_hfov_deg" not in str(one.problems)
    one.later()
    one.source._on_depth_info(depth_info())
    one.source._on_depth(depth_message(6.0))
    assert one.depth(6.0) is not None
    assert one.problems == []
