"""Starts the nodes of several cameras, one namespace each; `cameras:=FILE`, see config/cameras.yaml."""

from launch import LaunchDescription

from pose3d_ros.launching.camera_list import camera_launches
from pose3d_ros.launching.launch_actions import all_nodes, description, fusion_node, system_actions
from pose3d_ros.launching.launch_arguments import CAMERAS
from pose3d_ros.launching.launch_settings import system_launch


def start(values: dict, environ: dict) -> list:
    cameras, system = camera_launches(values.get("cameras", ""), values), system_launch(values)
    nodes = all_nodes(cameras, system, environ)
    if values.get("fusion"):
        nodes.append(fusion_node(cameras, system, environ))
    return [*nodes, *system_actions(cameras, system, fusion=bool(values.get("fusion")))]


def generate_launch_description() -> LaunchDescription:
    return description("cameras.launch.py", CAMERAS, start)
