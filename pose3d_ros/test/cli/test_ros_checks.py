from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path

import pytest

from pose3d_ros.cli import ros_checks as checks
from pose3d_ros.cli.checks import State
from pose3d_ros.config.optional_packages import USES
from pose3d_ros.config.settings import PARAMETERS
from pose3d_ros.config.share_folders import share_file
from pose3d_ros.nodes.dds_profile import SharedMemory


def test_dds_profile_check(tmp_path: Path) -> None:
    unset = checks.transport_check({})
    assert unset.state is State.WARN
    assert "fastdds.xml" in unset.remedy
    profile = {"FASTDDS_DEFAULT_PROFILES_FILE": str(tmp_path / "profile.xml")}
    assert checks.transport_check(profile).state is State.FAIL
    (tmp_path / "profile.xml").write_text("<x/>", encoding="utf-8")
    assert checks.transport_check(profile).state is State.OK


def test_shared_memory_of_a_container_is_checked() -> None:
    profile = {"FASTDDS_DEFAULT_PROFILES_FILE": str(share_file("config/fastdds.xml"))}
    small = checks.shared_memory_check(profile, SharedMemory(64 << 20, 60 << 20))
    assert small.state is State.WARN
    assert "64 MB" in small.found
    assert "--shm-size" in small.remedy
    assert checks.shared_memory_check(profile, SharedMemory(8 << 30, 7 << 30)).state is State.OK
    assert checks.shared_memory_check(profile, None).state is State.INFO


def test_without_a_ros_it_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (only,) = checks.ros_checks({})
    assert (only.state, only.found) == (State.WARN, "no rclpy and no pose3d_msgs")
    assert "make setup" in only.remedy


def test_ros_that_can_not_be_loaded_fails_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(checks, "_ROS_PROBE", "import sys; sys.exit('no such library')")
    assert [(c.state, c.name) for c in checks.ros_checks({})] == [(State.OK, "distribution"), (State.FAIL, "rclpy")]
    assert "no such library" in list(checks.ros_checks({}))[-1].found
    monkeypatch.setattr(checks, "_ROS_PROBE", "import os; os._exit(3)")
    assert "exit code 3" in list(checks.ros_checks({}))[-1].found
    monkeypatch.setattr(checks, "_ROS_PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(checks, "_ROS_LIMIT_S", 0.2)
    assert "no answer within 0.2 s" in list(checks.ros_checks({}))[-1].found


def test_this_ros_works_and_its_settings_are_shown() -> None:
    found = {c.name: c for c in checks.ros_checks({"ROS_DISTRO": "jazzy", "ROS_DOMAIN_ID": "7"})}
    assert found["rclpy and messages"].state is State.OK
    assert (found["distribution"].found, found["ROS_DOMAIN_ID"].found) == ("jazzy", "7")


def test_optional_packages_say_what_they_are_for_and_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    found = {c.name: c for c in checks.optional_checks("jazzy")}
    assert {c.state for c in found.values()} == {State.INFO}
    assert all("not installed; " in c.found for c in found.values())
    assert found["vision_msgs"].remedy == "apt install ros-jazzy-vision-msgs"
    assert found["tf2_ros"].remedy == "apt install ros-jazzy-tf2-ros-py"
    assert found["rviz2"].remedy == "apt install ros-jazzy-rviz2"
    assert found["ros2"].remedy == "apt install ros-jazzy-ros2launch"
    assert {"hri_msgs", "people_msgs", "cv_bridge", "launch_ros"} <= set(found)
    assert "comes with a ROS" in next(iter(checks.optional_checks(""))).remedy


def test_optional_packages_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(shutil, "which", lambda name: f"/opt/{name}")
    found = {c.name: c for c in checks.optional_checks("kilted")}
    assert {c.state for c in found.values()} == {State.OK}
    assert found["rviz2"].found == "/opt/rviz2"


def test_parameters_that_it_names_are_there() -> None:
    text = " ".join(USES.values())
    named = set(re.findall(r"\b(?:publish|detections|fixed|floor|target)_\w+", text))
    assert "detections_topic" in named
    assert named <= set(PARAMETERS)
