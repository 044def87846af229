"""Starts the nodes of several cameras, one namespace each; `cameras:=FILE`, see config/cameras.yaml."""

from launch import LaunchDescription

from pose3d_ros.launching.camera_list import camera_launches
from pose3d_ros.launching.launch_actions import all_nodes, description, system_actions
from pose3d_ros.launching.launch_arguments import CAMERAS
from pose3d_ros.launching.launch_settings import system_launch


def start(values: dict, environ: dict) -> list:
    cameras, system = camera_launches(values.get("cameras", ""), values), system_launch(values)
    return [*all_nodes(cameras, system, environ), *system_actions(cameras, system)]


def generate_launch_description() -> LaunchDescription:
    return description("cameras.launch.py", CAMERAS, start)
