"""Plays the sample recording through the nodes, in RViz; `ros2 launch pose3d_ros demo.launch.py`."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from pose3d_ros.nodes.parent_process import child_environment

ARGUMENTS = (
    ("rate", "1.0", "Playback rate; 1 is real time."),
    ("loop", "true", "Loop the recording."),
    ("rviz", "true", "Also start RViz."),
    ("smoother", "true", "Also start smoother_node."),
    ("image_topic", "/camera/image_raw", "Image topic of the recording, without the transport's suffix."),
    ("camera_info_topic", "/camera/camera_info", "Topic of the recording's camera_info."),
    ("image_transport", "compressed", "Image transport: raw or compressed."),
    ("fixed_frame", "camera_optical_frame", "RViz's fixed frame: the frame_id of the images."),
    ("engines", "", "Models: auto, embedded, mediapipe-full, or a folder with a manifest.yaml."),
    ("backend", "", "Inference backend: auto, tensorrt, onnxruntime or torch."),
)
PASSED_ON = ("rviz smoother image_topic camera_info_topic image_transport fixed_frame engines backend").split()


def share(*parts: str) -> PathJoinSubstitution:
    return PathJoinSubstitution([FindPackageShare("pose3d_ros"), *parts])


def generate_launch_description() -> LaunchDescription:
    player = Node(
        package="pose3d_ros",
        executable="bag_player",
        output="screen",
        additional_env=child_environment({}),
        parameters=[
            {
                "bag": LaunchConfiguration("bag"),
                "rate": ParameterValue(LaunchConfiguration("rate"), value_type=float),
                "loop": ParameterValue(LaunchConfiguration("loop"), value_type=bool),
                "delay_s": 3.0,
            }
        ],
        on_exit=Shutdown(reason="the recording is over"),
    )
    system = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(share("launch", "pose3d.launch.py")),
        launch_arguments=[*((name, LaunchConfiguration(name)) for name in PASSED_ON), ("publish_overlay", "true")],
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "bag", default_value=share("samples", "people_crossing.mcap"), description="Recording to play."
            ),
            *(DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS),
            system,
            player,
        ]
    )
