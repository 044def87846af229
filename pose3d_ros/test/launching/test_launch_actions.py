from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pose3d_ros.errors import ConfigError
from pose3d_ros.launching.launch_arguments import POSE3D, parse_arguments
from pose3d_ros.launching.launch_settings import camera_launch, fusion_parameters, system_launch

if find_spec("launch_ros") is None:
    pytest.skip("needs a ROS installation: launch is not among the wheels", allow_module_level=True)

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.utilities import perform_substitutions

from pose3d_ros.launching import launch_actions
from pose3d_ros.launching.launch_actions import (
    all_nodes,
    description,
    fusion_node,
    is_command,
    system_actions,
    transport,
)

VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")


@pytest.fixture(autouse=True)
def _no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def actions(**texts: str) -> list[Any]:
    values = parse_arguments(POSE3D, texts)
    camera, system = camera_launch(values), system_launch(values)
    return [*all_nodes([camera], system, {}), *system_actions([camera], system)]


def run(file: str, argv: list[str], configurations: dict[str, str]) -> Any:
    """Carry out the description of a launch file up to its nodes; what its start was called with."""
    got: list[Any] = []

    def start(values: Any, environ: Any) -> list[Any]:
        got.append(values)
        return []

    context = LaunchContext(argv=argv)
    context.launch_configurations.update(configurations)
    for entity in description(file, POSE3D, start).entities:
        if isinstance(entity, (DeclareLaunchArgument, OpaqueFunction)):
            entity.execute(context)
    return got[0]


@pytest.mark.parametrize(("distribution", "variable"), [("humble", VARIABLES[1]), ("jazzy", VARIABLES[0])])
def test_transport_profile_is_set(monkeypatch: pytest.MonkeyPatch, distribution: str, variable: str) -> None:
    monkeypatch.setenv("ROS_DISTRO", distribution)
    (action,) = transport()
    assert perform_substitutions(LaunchContext(), action.name) == variable


@pytest.mark.parametrize("variable", VARIABLES)
def test_users_own_profile_is_kept(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "/mine.xml")
    assert transport() == []
    assert os.environ[variable] == "/mine.xml"


def test_start_gets_the_values_of_the_arguments() -> None:
    values = run("pose3d.launch.py", [], {"use_sim_time": "1", "threads": "2"})
    assert (values["use_sim_time"], values["threads"], values["smoother"]) == (True, 2, True)
    with pytest.raises(ConfigError, match="use_sim_time"):
        run("pose3d.launch.py", [], {"use_sim_time": "2"})


def test_unknown_argument_of_the_command_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["ros2", "launch", "pose3d_ros", "pose3d.launch.py", "image_topc:=/a"])
    with pytest.raises(ConfigError, match="image_topc"):
        run("pose3d.launch.py", ["image_topc:=/a"], {"image_topc": "/a"})


def test_other_arguments_of_a_launch_file_around_are_not_ours(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(launch_actions, "_warn", warned.append)
    monkeypatch.setattr("sys.argv", ["ros2", "launch", "robot", "robot.launch.py", "map:=a.yaml"])
    run("pose3d.launch.py", ["map:=a.yaml"], {"map": "a.yaml", "image_topc": "/a"})
    assert warned == ["pose3d.launch.py has no argument image_topc: did you mean image_topic?"]


@pytest.mark.parametrize("word", ["pose3d.launch.py", "/opt/share/pose3d_ros/launch/pose3d.launch.py"])
def test_command_is_known_by_the_files_name(word: str) -> None:
    assert is_command("pose3d.launch.py", ["ros2", "launch", "pose3d_ros", word])
    assert not is_command("pose3d.launch.py", [word, "demo.launch.py"])


def test_smoother_is_started_unless_refused() -> None:
    assert [action.node_executable for action in actions()] == ["pose_node", "smoother_node"]
    assert [action.node_executable for action in actions(smoother="no")] == ["pose_node"]


def test_container_is_one_process() -> None:
    (container,) = actions(container="true", namespace="front", image_topic="/a", target_frame="map")
    assert container.node_executable == "pose3d_container"


def test_bridge_to_rep_155_reads_the_people_of_the_last_node() -> None:
    assert [action.node_executable for action in actions(hri="true", smoother="no")] == ["pose_node", "hri_bridge"]


def test_missing_rviz_is_a_warning_and_the_nodes_start(monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(launch_actions, "_warn", warned.append)
    monkeypatch.setattr(launch_actions, "_is_installed", lambda _: False)
    assert len(actions(rviz="true")) == 2
    assert "rviz2 is not installed" in warned[0]


def test_missing_rviz_is_an_error_where_the_command_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch_actions, "_is_installed", lambda _: False)
    monkeypatch.setattr("sys.argv", ["ros2", "launch", "pose3d_ros", "pose3d.launch.py", "rviz:=true"])
    with pytest.raises(ConfigError, match=r"rviz: expected an installed rviz2, got none. apt install ros-\S+-rviz2"):
        run("pose3d.launch.py", ["rviz:=true"], {"rviz": "true"})
    assert run("pose3d.launch.py", [], {"rviz": "true"})["rviz"] is True  # a default, as that of demo.launch.py
    monkeypatch.setattr("sys.argv", ["ros2", "launch", "robot", "robot.launch.py", "rviz:=true"])
    assert run("pose3d.launch.py", ["rviz:=true"], {"rviz": "true"})["rviz"] is True


def test_rviz_and_lifecycle_manager_start_where_they_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch_actions, "_is_installed", lambda _: True)
    found = actions(rviz="true", lifecycle_manager="true")
    assert [action.node_package for action in found[2:]] == ["rviz2", "nav2_lifecycle_manager"]


def test_missing_lifecycle_manager_is_an_error() -> None:
    if launch_actions._is_installed("nav2_lifecycle_manager"):
        pytest.skip("it is installed")
    with pytest.raises(ConfigError, match="nav2_lifecycle_manager"):
        actions(lifecycle_manager="true")


def test_layout_for_foxglove_is_written(tmp_path: Path) -> None:
    actions(foxglove_layout=str(tmp_path / "layout.json"), namespace="front")
    assert "/front/markers_smoothed" in (tmp_path / "layout.json").read_text()


def test_fusion_node_reads_every_camera_where_its_camera_info_is() -> None:
    texts = [
        {"namespace": "front", "camera_info_topic": "/front/color/camera_info", "target_frame": "map"},
        {"namespace": "rear", "camera_info_topic": "info", "target_frame": "map"},
    ]
    cameras = [camera_launch(parse_arguments(POSE3D, of)) for of in texts]
    system = system_launch(parse_arguments(POSE3D, {"enclave": "/pose3d"}))
    node = fusion_node(cameras, system, {})
    context = LaunchContext()
    made = {
        tuple(perform_substitutions(context, list(part)) for part in rule)
        for rule in node._Node__remappings  # launch_ros has no other way to see them
    }
    assert made == {("front/camera_info", "/front/color/camera_info"), ("rear/camera_info", "rear/info")}
    assert fusion_parameters(cameras[0])["target_frame"] == "map"
