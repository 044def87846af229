from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pose3d_msgs")

from pose3d_ros.errors import ConfigError
from pose3d_ros.launching.container_process import cameras_of
from pose3d_ros.nodes.container import CameraEntry

FILE = """
cameras:
  front:
    image_topic: /usb/image_raw
    camera_info_topic: /usb/camera_info
    smoother: false
    parameters: {threads: 1, detector: {max_people: 3}, engines: embedded}
  rear: {target_frame: base_link}
"""


def test_file_names_cameras_with_topics_and_parameters_of_each_node(tmp_path: Path) -> None:
    path = tmp_path / "cameras.yaml"
    path.write_text(FILE, encoding="utf-8")
    front, rear = cameras_of(str(path))
    assert (front.namespace, front.smoother, front.params_file) == ("front", False, "")
    assert front.remappings == {"image_raw": "/usb/image_raw", "camera_info": "/usb/camera_info"}
    assert front.of_pose_node == {"threads": 1, "detector.max_people": 3, "engines": "embedded"}
    assert rear.of_pose_node == {}  # all cores: cameras take turns
    assert rear.of_smoother_node == {"target_frame": "base_link"}


def test_file_of_parameters_of_one_camera(tmp_path: Path) -> None:
    path, own = tmp_path / "cameras.yml", tmp_path / "own.yaml"
    own.write_text("{}", encoding="utf-8")
    path.write_text(f"cameras: {{front: {{params_file: {own}}}}}", encoding="utf-8")
    assert [entry.params_file for entry in cameras_of(str(path))] == [str(own)]


def test_names_are_namespaces_and_nothing_is_one_camera() -> None:
    assert cameras_of(" front, rear") == (CameraEntry("front"), CameraEntry("rear"))
    assert cameras_of("") == (CameraEntry(),)


@pytest.mark.parametrize("text", ["front,front", "front,", ","])
def test_names_that_are_no_namespaces_of_their_own_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="parameter cameras"):
        cameras_of(text)


def test_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        cameras_of("/nowhere/cameras.yaml")
