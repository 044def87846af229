"""Starts the pose node and, behind it, the smoother; `ros2 launch pose3d_ros pose3d.launch.py --show-args`.

An argument that is left empty leaves the value to params_file.
"""

import os

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from pose3d_ros.nodes.dds_profile import profile_setting
from pose3d_ros.nodes.parent_process import child_environment

ARGUMENTS = (
    ("image_topic", "image_raw", "Image topic, without the transport's suffix."),
    ("camera_info_topic", "camera_info", "Calibration of these images (sensor_msgs/CameraInfo)."),
    ("namespace", "", "Namespace of the nodes and their topics; use one namespace per camera."),
    ("smoother", "true", "Also start smoother_node."),
    ("rviz", "false", "Also start RViz."),
    ("fixed_frame", "camera_optical_frame", "RViz's fixed frame: the frame_id of the images."),
    ("use_sim_time", "false", "Use simulation time (/clock)."),
)
BOTH_NODES = (
    ("engines", str, "Models: auto, embedded, mediapipe-full, or a folder with a manifest.yaml."),
    ("backend", str, "Inference backend: auto, tensorrt, onnxruntime or torch."),
)
POSE_NODE_ONLY = (
    ("image_transport", str, "Image transport: raw or compressed."),
    ("image_reliability", str, "QoS reliability of the image subscription: auto, best_effort or reliable."),
    ("fallback_hfov_deg", float, "Horizontal field of view to assume without a camera_info, degrees; 0: none."),
    ("publish_overlay", lambda text: text.lower() == "true", "Publish the image with the skeletons drawn on it."),
)


def config(name: str) -> PathJoinSubstitution:
    return PathJoinSubstitution([FindPackageShare("pose3d_ros"), "config", name])


def given(context: LaunchContext, parameters: tuple) -> dict:
    texts = {name: (kind, LaunchConfiguration(name).perform(context)) for name, kind, _ in parameters}
    return {name: kind(text) for name, (kind, text) in texts.items() if text}


def nodes(context: LaunchContext, environment: dict) -> list:
    shared = {
        "package": "pose3d_ros",
        "namespace": LaunchConfiguration("namespace"),
        "output": "screen",
        "emulate_tty": True,
    }
    no_images = profile_setting(environment, sends_images=False)
    file, both = LaunchConfiguration("params_file"), given(context, BOTH_NODES)
    clock = {"use_sim_time": LaunchConfiguration("use_sim_time").perform(context).lower() == "true"}
    return [
        Node(
            executable="pose_node",
            name="pose_node",
            additional_env=child_environment({}),
            parameters=[file, both, given(context, POSE_NODE_ONLY), clock],
            remappings=[
                ("image_raw", LaunchConfiguration("image_topic")),
                ("camera_info", LaunchConfiguration("camera_info_topic")),
            ],
            **shared,
        ),
        Node(
            executable="smoother_node",
            name="smoother_node",
            additional_env=child_environment(no_images),
            parameters=[file, both, clock],
            condition=IfCondition(LaunchConfiguration("smoother")),
            **shared,
        ),
        Node(
            package="rviz2",
            executable="rviz2",
            namespace=LaunchConfiguration("namespace"),
            arguments=["-d", config("pose3d.rviz"), "-f", LaunchConfiguration("fixed_frame")],
            parameters=[clock],
            condition=IfCondition(LaunchConfiguration("rviz")),
        ),
    ]


def transport() -> list:
    """Fast DDS's built-in shared memory is too small for an image; a profile of the user's own goes before ours."""
    return [SetEnvironmentVariable(name, value) for name, value in profile_setting(os.environ).items()]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            *(DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS),
            DeclareLaunchArgument(
                "params_file", default_value=config("pose3d.yaml"), description="Parameters of both nodes (YAML)."
            ),
            *(
                DeclareLaunchArgument(name, default_value="", description=text)
                for name, _, text in (*BOTH_NODES, *POSE_NODE_ONLY)
            ),
            *transport(),
            OpaqueFunction(function=nodes, args=[dict(os.environ)]),  # before the profile is set
        ]
    )
