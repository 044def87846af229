from __future__ import annotations

import pytest

from pose3d_ros.bags.message_records import is_rectified
from pose3d_ros.launching.camera_presets import PRESETS
from pose3d_ros.launching.launch_arguments import POSE3D, parse_arguments


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_what_the_arguments_accept(name: str) -> None:
    preset = PRESETS[name]
    topics = {"image_topic": preset.image_topic, "camera_info_topic": preset.camera_info_topic}
    assert parse_arguments(POSE3D, {**topics, "fixed_frame": preset.optical_frame})["image_topic"] == preset.image_topic
    assert preset.image_topic.startswith("/")
    assert preset.rectified == is_rectified(preset.image_topic)
    assert preset.driver.startswith("ros2 ")


@pytest.mark.parametrize("name", set(PRESETS) - {"gazebo"})
def test_calibration_is_beside_the_image_as_image_transport_has_it(name: str) -> None:
    preset = PRESETS[name]
    assert preset.camera_info_topic == f"{preset.image_topic.rpartition('/')[0]}/camera_info"
