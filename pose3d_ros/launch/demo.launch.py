"""Plays the sample recording through the nodes, in RViz; `ros2 launch pose3d_ros demo.launch.py`."""

from launch import LaunchDescription
from launch.actions import Shutdown
from launch_ros.actions import Node

from pose3d_ros.config.share_folders import share_file
from pose3d_ros.launching.launch_actions import all_nodes, description, system_actions
from pose3d_ros.launching.launch_arguments import DEMO
from pose3d_ros.launching.launch_settings import camera_launch, system_launch
from pose3d_ros.nodes.parent_process import child_environment


def start(values: dict, environ: dict) -> list:
    camera, system = camera_launch(values), system_launch(values)
    player = Node(
        package="pose3d_ros",
        executable="bag_player",
        output="screen",
        additional_env=child_environment({}),
        parameters=[
            {
                "bag": values.get("bag", str(share_file("samples/people_crossing.mcap"))),
                "rate": values["rate"],
                "loop": values["loop"],
                "delay_s": 3.0,
            }
        ],
        on_exit=Shutdown(reason="the recording is over"),
    )
    return [*all_nodes([camera], system, environ), *system_actions([camera], system), player]


def generate_launch_description() -> LaunchDescription:
    return description("demo.launch.py", DEMO, start)
