from __future__ import annotations

import pytest

from pose3d_ros.config.optional_packages import USES, how_to_get


@pytest.mark.parametrize(
    ("package", "distro", "expected"),
    [
        ("vision_msgs", "kilted", "apt install ros-kilted-vision-msgs"),
        ("tf2_ros", "humble", "apt install ros-humble-tf2-ros-py"),
        ("hri_msgs", "jazzy", "apt install ros-jazzy-hri-msgs"),
        ("hri_msgs", "kilted", "build hri_msgs of https://github.com/ros4hri/hri_msgs, in your workspace"),
        ("people_msgs", "jazzy", "build people_msgs of https://github.com/wg-perception/people, branch ros2, in your"),
        ("yolo_msgs", "humble", "build yolo_msgs of https://github.com/mgonzs13/yolo_ros, in your workspace"),
    ],
)
def test_packages_come_from_apt_where_the_distribution_has_them(package: str, distro: str, expected: str) -> None:
    assert how_to_get(package, distro).startswith(expected)


def test_distribution_that_is_not_known_gets_both_ways() -> None:
    both = how_to_get("hri_msgs")
    assert both.startswith("apt install ros-$ROS_DISTRO-hri-msgs (Humble, Jazzy, Rolling), or build hri_msgs of https:")
    assert all(how_to_get(package).startswith(("apt install ros-$ROS_DISTRO-", "build ")) for package in USES)
