"""The launch files: they load, and hand on what they are given. Skipped where the `launch` packages are missing."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pose3d_ros.config.settings import PARAMETERS

pytest.importorskip("launch_ros", reason="needs a ROS installation: launch is not among the wheels")

PACKAGE = Path(__file__).resolve().parents[2]
LAUNCH = PACKAGE / "launch"
VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, LAUNCH / f"{name}.launch.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return pytest.importorskip("launch").LaunchContext()


@pytest.mark.parametrize("name", ["pose3d", "demo"])
def test_launch_file_loads_and_describes_its_arguments(name: str, context: Any) -> None:
    from launch.actions import DeclareLaunchArgument

    declared = [e for e in load(name).generate_launch_description().entities if isinstance(e, DeclareLaunchArgument)]
    assert declared
    assert all(argument.description for argument in declared)


def test_parameters_among_the_arguments_are_those_of_the_table(context: Any) -> None:
    module = load("pose3d")
    for name, kind, _ in (*module.BOTH_NODES, *module.POSE_NODE_ONLY):
        parameter = PARAMETERS[name]
        assert "pose_node" in parameter.nodes
        assert isinstance(kind("true" if parameter.type is bool else "1"), parameter.type)
    for name, _, _ in module.BOTH_NODES:
        assert "smoother_node" in PARAMETERS[name].nodes


def test_empty_argument_leaves_the_value_to_the_parameter_file(context: Any) -> None:
    module = load("pose3d")
    context.launch_configurations.update(
        {"image_transport": "compressed", "image_reliability": "", "fallback_hfov_deg": "60", "publish_overlay": "true"}
    )
    assert module.given(context, module.POSE_NODE_ONLY) == {
        "image_transport": "compressed",
        "fallback_hfov_deg": 60.0,
        "publish_overlay": True,
    }


def test_demo_launch_file_passes_existing_arguments(context: Any) -> None:
    from launch.actions import DeclareLaunchArgument

    entities = load("pose3d").generate_launch_description().entities
    names = {e.name for e in entities if isinstance(e, DeclareLaunchArgument)}
    assert set(load("demo").PASSED_ON) <= names


def test_nodes_end_with_a_launch_that_is_killed(tmp_path: Path) -> None:
    code = f"""
import importlib.util, sys
from launch import LaunchService
spec = importlib.util.spec_from_file_location("launch_file", {str(LAUNCH / "pose3d.launch.py")!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
service = LaunchService(argv=[])
service.include_launch_description(module.generate_launch_description())
sys.exit(service.run())
"""
    log = tmp_path / "launch.log"
    with log.open("wb") as output:
        parent = subprocess.Popen([sys.executable, "-c", code], stdout=output, stderr=subprocess.STDOUT)
    deadline_s = time.monotonic() + 120
    while len(pids := re.findall(r"process started with pid \[(\d+)\]", log.read_text())) < 2:
        assert time.monotonic() < deadline_s, log.read_text()
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


@pytest.mark.parametrize(("distribution", "variable"), [("humble", VARIABLES[1]), ("jazzy", VARIABLES[0])])
def test_transport_profile_is_set(
    monkeypatch: pytest.MonkeyPatch, context: Any, distribution: str, variable: str
) -> None:
    from launch.utilities import perform_substitutions

    monkeypatch.setenv("ROS_DISTRO", distribution)
    (action,) = load("pose3d").transport()
    assert perform_substitutions(context, action.name) == variable


@pytest.mark.parametrize("variable", VARIABLES)
def test_users_own_profile_is_kept(monkeypatch: pytest.MonkeyPatch, context: Any, variable: str) -> None:
    monkeypatch.setenv(variable, "/mine.xml")
    assert load("pose3d").transport() == []
    assert os.environ[variable] == "/mine.xml"
