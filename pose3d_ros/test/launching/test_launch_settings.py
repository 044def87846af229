from __future__ import annotations

from pathlib import Path

import pytest

from pose3d_ros.errors import ConfigError
from pose3d_ros.launching.displays import ShownFrame
from pose3d_ros.launching.launch_arguments import POSE3D, parse_arguments
from pose3d_ros.launching.launch_settings import CameraLaunch, SystemLaunch, camera_launch, shown_frame, system_launch


def launch(**texts: str) -> tuple[CameraLaunch, SystemLaunch]:
    values = parse_arguments(POSE3D, texts)
    return camera_launch(values), system_launch(values)


def test_nothing_given_leaves_all_to_the_parameter_file() -> None:
    camera, system = launch()
    assert (camera.image_topic, camera.camera_info_topic, camera.namespace) == ("image_raw", "camera_info", "")
    assert (camera.of_pose_node, camera.of_smoother_node) == ({}, {})
    assert Path(camera.params_file).name == "pose3d.yaml"
    assert camera.nodes == ("pose_node", "smoother_node")
    assert (system.rviz, system.respawn, system.use_sim_time, system.log_level) == (False, False, False, "info")


def test_parameters_reach_the_nodes_that_have_them() -> None:
    camera, _ = launch(threads="2", backend="torch", image_transport="compressed", rectified="yes", autostart="no")
    both = {"threads": 2, "backend": "torch", "autostart": False}
    assert camera.of_pose_node == {**both, "image_transport": "compressed", "rectified": True}
    assert camera.of_smoother_node == both


@pytest.mark.parametrize("smoother", [True, False])
def test_only_the_last_node_publishes_in_another_frame_and_tf(smoother: bool) -> None:
    camera, _ = launch(target_frame="map", publish_tf="true", smoother=str(smoother))
    of_last = {"target_frame": "map", "publish_tf": True}
    assert camera.of_pose_node == ({} if smoother else of_last)
    assert (camera.of_smoother_node if smoother else of_last) == of_last
    assert (camera.frame, camera.optical) == ("map", False)


def test_preset_names_topics_and_frame_and_what_is_given_goes_before_it() -> None:
    camera, _ = launch(camera="zed")
    assert camera.image_topic == "/zed/zed_node/rgb/color/rect/image"
    assert camera.frame == "zed_left_camera_frame_optical"
    assert camera.of_pose_node == {"rectified": True}
    other, _ = launch(camera="zed", image_topic="/mine", rectified="false")
    assert (other.image_topic, other.camera_info_topic) == ("/mine", "/zed/zed_node/rgb/color/rect/camera_info")
    assert other.of_pose_node == {"rectified": False}


def test_rviz_has_an_overlay_to_show_unless_it_is_refused() -> None:
    assert launch(rviz="true")[0].of_pose_node == {"publish_overlay": True}
    assert launch(rviz="true", publish_overlay="false")[0].of_pose_node == {"publish_overlay": False}


def test_lifecycle_manager_starts_the_nodes_by_their_names() -> None:
    camera, _ = launch(lifecycle_manager="true", namespace="/robot/front")
    assert camera.nodes == ("robot/front/pose_node", "robot/front/smoother_node")
    assert camera.of_smoother_node == {"autostart": False}
    with pytest.raises(ConfigError, match="autostart"):
        launch(lifecycle_manager="true", autostart="true")
    assert launch(smoother="false")[0].nodes == ("pose_node",)


def test_missing_parameter_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"params_file: .*no such file"):
        launch(params_file=str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigError, match="which is a folder"):
        launch(params_file=str(tmp_path))
    mine = tmp_path / "mine.yaml"
    mine.touch()
    assert launch(params_file=str(mine))[0].params_file == str(mine)


@pytest.mark.parametrize(
    ("texts", "frame"),
    [
        ({}, ShownFrame("camera_optical_frame", True)),
        ({"camera": "oak"}, ShownFrame("oak_rgb_camera_optical_frame", True)),
        ({"camera": "usb_cam"}, ShownFrame("default_cam", True)),
        ({"target_frame": "odom"}, ShownFrame("odom", False)),
        ({"fixed_frame": "map"}, ShownFrame("map", False)),
        ({"fixed_frame": "front_optical_frame"}, ShownFrame("front_optical_frame", True)),
    ],
)
def test_displays_show_the_frame_of_the_people(texts: dict[str, str], frame: ShownFrame) -> None:
    assert shown_frame(*launch(**texts)) == frame
