"""The launch files: they load, start for real, and people come out. Skipped where the `launch` packages are missing."""

from __future__ import annotations

import importlib.util
import re
import signal
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .conftest import DEADLINE_S, LAUNCH, needs_ros2_launch

pytest.importorskip("launch_ros", reason="needs a ROS installation: launch is not among the wheels")

FILES = sorted(path.name for path in LAUNCH.glob("*.launch.py"))


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name.replace(".", "_"), LAUNCH / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", FILES)
def test_launch_file_loads_and_describes_its_arguments(name: str) -> None:
    from launch.actions import DeclareLaunchArgument

    declared = [e for e in load(name).generate_launch_description().entities if isinstance(e, DeclareLaunchArgument)]
    assert declared
    assert all(argument.description for argument in declared)


def test_nodes_end_with_a_launch_that_is_killed(processes: Any) -> None:
    pytest.importorskip("ros2launch")
    parent, log = processes.launch("pose3d.launch.py")
    deadline_s = time.monotonic() + DEADLINE_S
    while len(pids := re.findall(r"process started with pid \[(\d+)\]", log.read_text())) < 2:
        assert time.monotonic() < deadline_s, log.read_text()
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


@needs_ros2_launch
def test_demo_shows_people_and_ends_with_the_recording(processes: Any, listener: Any) -> None:
    from pose3d_msgs.msg import Person3DArray
    from sensor_msgs.msg import Image

    people, overlays = listener.listen(Person3DArray, "/people_smoothed"), listener.listen(Image, "/overlay")
    launch, log = processes.launch("demo.launch.py", "rviz:=false", "loop:=off", "rate:=0.5", "threads:=1")
    listener.until(lambda: any(message.people for message in people) and bool(overlays), log)
    listener.until(lambda: launch.poll() is not None, log)
    assert launch.returncode == 0, log.read_text()
    assert "[bag_player-3]: process has finished cleanly" in log.read_text()


@needs_ros2_launch
def test_pose_node_alone_publishes_people_in_its_namespace(processes: Any, listener: Any) -> None:
    from lifecycle_msgs.srv import GetState
    from pose3d_msgs.msg import Person3DArray

    people = listener.listen(Person3DArray, "/front/people")
    topics = {"image_raw/compressed": "/cam/image/compressed", "camera_info": "/cam/info"}
    processes.play(**topics)
    launch, log = processes.launch(
        "pose3d.launch.py",
        *("namespace:=front", "smoother:=0", "image_topic:=/cam/image", "camera_info_topic:=/cam/info"),
        *("image_transport:=compressed", "threads:=1", "log_level:=warn"),
    )
    listener.until(lambda: any(message.people for message in people), log)
    assert people[-1].calibrated
    assert "/front/smoother_node" not in {f"{ns}/{name}" for name, ns in listener.node.get_node_names_and_namespaces()}
    client = listener.node.create_client(GetState, "/front/pose_node/get_state")
    listener.until(client.service_is_ready, log)
    answer = client.call_async(GetState.Request())
    listener.until(answer.done, log)
    assert answer.result().current_state.label == "active"
    launch.send_signal(signal.SIGINT)
    assert launch.wait(60) in (0, 1, -signal.SIGINT)
    assert "process has finished cleanly" in log.read_text()


@needs_ros2_launch
@pytest.mark.parametrize("container", ["false", "true"])
def test_each_of_two_cameras_publishes_its_people(
    processes: Any, listener: Any, tmp_path: Path, container: str
) -> None:
    from pose3d_msgs.msg import Person3DArray

    file = tmp_path / "cameras.yaml"
    file.write_text("cameras: {left: {}, right: {smoother: false, parameters: {tracker: {max_age_s: 2}}}}")
    heard = [listener.listen(Person3DArray, f"/{topic}") for topic in ("left/people_smoothed", "right/people")]
    for name in ("left", "right"):
        processes.play(
            **{"image_raw/compressed": f"/{name}/image_raw/compressed", "camera_info": f"/{name}/camera_info"}
        )
    arguments = [f"cameras:={file}", f"container:={container}", "image_transport:=compressed", "threads:=1"]
    _, log = processes.launch("cameras.launch.py", *arguments)
    listener.until(lambda: all(any(message.people for message in one) for one in heard), log)


@needs_ros2_launch
@pytest.mark.parametrize(
    ("file", "arguments", "words"),
    [
        ("pose3d.launch.py", ["use_sim_time:=maybe"], "launch argument use_sim_time: expected true or false"),
        ("pose3d.launch.py", ["image_topc:=/a"], "Did you mean image_topic"),
        ("pose3d.launch.py", ["params_file:=/nowhere.yaml"], "launch argument params_file: expected an existing"),
        ("demo.launch.py", ["rate:=fast"], "launch argument rate: expected a number"),
        ("cameras.launch.py", [], "launch argument cameras: expected a YAML file of cameras"),
    ],
)
def test_wrong_argument_ends_the_launch_before_a_node_starts(
    processes: Any, file: str, arguments: list[str], words: str
) -> None:
    launch, log = processes.launch(file, *arguments)
    assert launch.wait(DEADLINE_S) == 1
    text = log.read_text()
    assert words in text
    assert "Traceback" not in text
    assert "process started" not in text


@needs_ros2_launch
def test_launch_file_that_is_included_leaves_other_arguments_alone(processes: Any, tmp_path: Path) -> None:
    around = tmp_path / "robot.launch.py"
    around.write_text(f"""
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

def generate_launch_description():
    pose3d = PythonLaunchDescriptionSource({str(LAUNCH / "pose3d.launch.py")!r})
    included = IncludeLaunchDescription(pose3d, launch_arguments=[("image_topc", "/a"), ("smoother", "perhaps")])
    return LaunchDescription([DeclareLaunchArgument("map"), included])
""")
    launch, log = processes.launch(around, "map:=floor.yaml")
    assert launch.wait(DEADLINE_S) == 1
    assert "pose3d.launch.py has no argument image_topc: did you mean image_topic?" in log.read_text()
    assert "launch argument smoother: expected true or false" in log.read_text()
    assert "floor.yaml" not in log.read_text()
