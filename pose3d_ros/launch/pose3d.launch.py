"""Starts the pose node and, behind it, the smoother; `ros2 launch pose3d_ros pose3d.launch.py --show-args`.

An argument that is left empty leaves the value to params_file.
"""

from launch import LaunchDescription

from pose3d_ros.launching.launch_actions import all_nodes, description, system_actions
from pose3d_ros.launching.launch_arguments import POSE3D
from pose3d_ros.launching.launch_settings import camera_launch, system_launch


def start(values: dict, environ: dict) -> list:
    camera, system = camera_launch(values), system_launch(values)
    return [*all_nodes([camera], system, environ), *system_actions([camera], system)]


def generate_launch_description() -> LaunchDescription:
    return description("pose3d.launch.py", POSE3D, start)
