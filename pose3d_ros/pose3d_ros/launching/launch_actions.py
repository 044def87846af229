"""The actions of launch that the launch files are made of: declared arguments, nodes of a camera, displays.

Nothing here exists only after Humble.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.logging import get_logger
from launch_ros.actions import Node

from pose3d_ros.errors import ConfigError
from pose3d_ros.launching.camera_list import camera_list_text
from pose3d_ros.launching.displays import ShownCamera, ShownFrame, foxglove_layout, rviz_config, write_display_file
from pose3d_ros.launching.launch_arguments import (
    LaunchArgument,
    likely_misspelled,
    parse_arguments,
    raise_all,
    unknown_arguments,
)
from pose3d_ros.launching.launch_settings import CameraLaunch, Parameters, SystemLaunch, fusion_parameters, shown_frame
from pose3d_ros.nodes.dds_profile import profile_setting
from pose3d_ros.nodes.parent_process import child_environment

_RESPAWN_S = 2.0
_PACKAGE = "pose3d_ros"

Start = Callable[[Parameters, Mapping[str, str]], list[Any]]
"""Makes the actions of read arguments and of the environment that the launch began with."""


def description(file: str, arguments: Sequence[LaunchArgument], start: Start) -> Any:
    """The LaunchDescription of a launch file. file: its name. start: called once the arguments are read."""
    environ = dict(os.environ)  # before the profile is set
    return LaunchDescription(
        [
            *(DeclareLaunchArgument(a.name, default_value=a.default, description=a.description) for a in arguments),
            *transport(),
            OpaqueFunction(function=_started, args=[file, arguments, start, environ]),
        ]
    )


def transport() -> list[Any]:
    """Fast DDS's built-in shared memory is too small for an image; a profile of the user's own goes before ours."""
    return [SetEnvironmentVariable(name, value) for name, value in profile_setting(os.environ).items()]


def _started(
    context: LaunchContext, file: str, arguments: Sequence[LaunchArgument], start: Start, environ: Mapping[str, str]
) -> list[Any]:
    known = [argument.name for argument in arguments]
    given = [text.split(":=")[0] for text in context.argv if ":=" in text] if is_command(file, sys.argv) else None
    if given is not None:
        raise_all(unknown_arguments(given, known))
    else:
        for name, near in likely_misspelled(context.launch_configurations, known):
            _warn(f"{file} has no argument {name}: did you mean {near}?")
    values = parse_arguments(arguments, context.launch_configurations)
    if values.get("rviz") and "rviz" in (given or ()) and not _is_installed("rviz2"):
        raise ConfigError("launch argument rviz", expected="an installed rviz2", got="none", fix=_without_rviz())
    return start(values, environ)


def is_command(file: str, argv: Sequence[str]) -> bool:
    """Whether `ros2 launch` was called with this file, so that all its arguments are for it and not for one around."""
    return any(Path(word).name == file for word in argv[1:])


def _warn(text: str) -> None:
    get_logger(_PACKAGE).warning(text)


def all_nodes(cameras: Sequence[CameraLaunch], system: SystemLaunch, environ: Mapping[str, str]) -> list[Any]:
    """The nodes of all cameras, in one process or in one each, and the bridge to REP-155 of the first camera."""
    bridge = [_hri_bridge(cameras[0], system, environ)] if system.hri else []
    if system.container:
        return [_container(cameras, system), *bridge]
    return [*(node for camera in cameras for node in camera_nodes(camera, system, environ)), *bridge]


def _hri_bridge(camera: CameraLaunch, system: SystemLaunch, environ: Mapping[str, str]) -> Any:
    transport = {name: value for name, value in camera.of_pose_node.items() if name == "image_transport"}
    return Node(
        package=_PACKAGE,
        executable="hri_bridge",
        namespace=camera.namespace,
        output="screen",
        emulate_tty=True,
        respawn=system.respawn,
        respawn_delay=_RESPAWN_S,
        additional_env=child_environment(profile_setting(environ)),
        parameters=[{"use_sim_time": system.use_sim_time, **transport}],
        remappings=[
            ("people", "people_smoothed" if camera.smoother else "people"),
            ("image_raw", camera.image_topic),
            ("camera_info", camera.camera_info_topic),
        ],
        ros_arguments=_ros_arguments(camera.nodes[0].replace("pose_node", "hri_bridge"), system),
    )


def _container(cameras: Sequence[CameraLaunch], system: SystemLaunch) -> Any:
    handle, path = tempfile.mkstemp(prefix="pose3d_", suffix=".yaml")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(camera_list_text(cameras))
    return Node(
        package=_PACKAGE,
        executable="pose3d_container",  # without a name, which would be that of each node in it
        output="screen",
        emulate_tty=True,
        respawn=system.respawn,
        respawn_delay=_RESPAWN_S,
        additional_env=child_environment({}),
        parameters=[{"cameras": path, "use_sim_time": system.use_sim_time}],
        ros_arguments=_ros_arguments("pose3d_container", system),
    )


def camera_nodes(camera: CameraLaunch, system: SystemLaunch, environ: Mapping[str, str]) -> list[Any]:
    """The nodes of a camera, one process each."""
    clock = {"use_sim_time": system.use_sim_time}
    shared = {
        "package": _PACKAGE,
        "namespace": camera.namespace,
        "output": "screen",
        "emulate_tty": True,
        "respawn": system.respawn,
        "respawn_delay": _RESPAWN_S,
    }
    pose_node = Node(
        executable="pose_node",
        name="pose_node",
        additional_env=child_environment({}),
        parameters=[camera.params_file, dict(camera.of_pose_node), clock],
        remappings=[("image_raw", camera.image_topic), ("camera_info", camera.camera_info_topic)],
        ros_arguments=_ros_arguments(camera.nodes[0], system),
        **shared,
    )
    if not camera.smoother:
        return [pose_node]
    smoother_node = Node(
        executable="smoother_node",
        name="smoother_node",
        additional_env=child_environment(profile_setting(environ, sends_images=False)),
        parameters=[camera.params_file, dict(camera.of_smoother_node), clock],
        ros_arguments=_ros_arguments(camera.nodes[1], system),
        **shared,
    )
    return [pose_node, smoother_node]


def _ros_arguments(node: str, system: SystemLaunch) -> list[str]:
    enclave = ["--enclave", f"{system.enclave}/{node}"] if system.enclave else []
    return ["--log-level", system.log_level, *enclave]


def fusion_node(cameras: Sequence[CameraLaunch], system: SystemLaunch, environ: Mapping[str, str]) -> Any:
    """The node that makes one set of people of all cameras; it has no namespace, and the first camera's params_file."""
    parameters = {"fusion.cameras": ", ".join(camera.namespace for camera in cameras), **fusion_parameters(cameras[0])}
    remappings = [(f"{camera.namespace}/camera_info", camera.resolved(camera.camera_info_topic)) for camera in cameras]
    return Node(
        package=_PACKAGE,
        executable="fusion_node",
        name="fusion_node",
        output="screen",
        emulate_tty=True,
        respawn=system.respawn,
        respawn_delay=_RESPAWN_S,
        ros_arguments=_ros_arguments("fusion_node", system),
        additional_env=child_environment(profile_setting(environ, sends_images=False)),
        parameters=[cameras[0].params_file, parameters, {"use_sim_time": system.use_sim_time}],
        remappings=remappings,
    )


def system_actions(cameras: Sequence[CameraLaunch], system: SystemLaunch, *, fusion: bool = False) -> list[Any]:
    """RViz, Foxglove's layout and the lifecycle manager, as far as they are wanted and installed.

    fusion: whether fusion_node is there, too, whose people are then those that are shown.
    """
    shown = [ShownCamera(camera.namespace, camera.smoother, fused=fusion) for camera in cameras]
    frame = shown_frame(cameras[0], system)
    actions = []
    if system.rviz:
        actions += _rviz(shown, frame, system)
    if system.foxglove_layout:
        path = write_display_file(system.foxglove_layout, foxglove_layout(shown, frame))
        get_logger(_PACKAGE).info(f"wrote the layout for Foxglove to {path}")
    if system.lifecycle_manager:
        names = [name for camera in cameras for name in camera.nodes]
        actions.append(_lifecycle_manager([*names, "fusion_node"] if fusion else names, system))
    return actions


def _rviz(shown: Sequence[ShownCamera], frame: ShownFrame, system: SystemLaunch) -> list[Any]:
    if not _is_installed("rviz2"):
        _warn(f"rviz2 is not installed: the nodes run without it. {_without_rviz()}")
        return []
    handle, path = tempfile.mkstemp(prefix="pose3d_", suffix=".rviz")
    os.close(handle)
    write_display_file(path, rviz_config(shown, frame))
    clock = {"use_sim_time": system.use_sim_time}
    return [Node(package="rviz2", executable="rviz2", arguments=["-d", path], parameters=[clock])]


def _without_rviz() -> str:
    return f"apt install ros-{os.environ.get('ROS_DISTRO', '$ROS_DISTRO')}-rviz2, or launch with rviz:=false."


def _lifecycle_manager(names: Sequence[str], system: SystemLaunch) -> Any:
    if not _is_installed("nav2_lifecycle_manager"):
        raise ConfigError(
            "launch argument lifecycle_manager",
            expected="an installed package nav2_lifecycle_manager",
            got="none in AMENT_PREFIX_PATH",
            fix="Install it, or leave the argument out: the nodes then start themselves.",
        )
    return Node(
        package="nav2_lifecycle_manager",
        executable="lifecycle_manager",
        name="lifecycle_manager_pose3d",
        output="screen",
        parameters=[
            {
                "autostart": True,
                "bond_timeout": 0.0,  # the nodes have no bond
                "node_names": list(names),
                "use_sim_time": system.use_sim_time,
            }
        ],
    )


def _is_installed(package: str) -> bool:
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        return False
    return True
