"""Topics and optical frames of common camera drivers, as each driver's default launch file names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class CameraPreset:
    """A driver's color stream.

    optical_frame: the frame_id of its images. rectified: whether they are, so that their camera is P. driver: the
    command that starts it with these names.
    """

    image_topic: str
    camera_info_topic: str
    optical_frame: str
    driver: str
    rectified: bool = False


PRESETS: Mapping[str, CameraPreset] = MappingProxyType(
    {
        # realsense2_camera 4.5x: camera_namespace and camera_name are both "camera"
        "realsense": CameraPreset(
            "/camera/camera/color/image_raw",
            "/camera/camera/color/camera_info",
            "camera_color_optical_frame",
            "ros2 launch realsense2_camera rs_launch.py align_depth.enable:=true",
        ),
        # depthai_ros_driver 2.x: name "oak", the color sensor's stream is "rgb"
        "oak": CameraPreset(
            "/oak/rgb/image_raw",
            "/oak/rgb/camera_info",
            "oak_rgb_camera_optical_frame",
            "ros2 launch depthai_ros_driver camera.launch.py",
        ),
        # zed_wrapper 5.1 and later; up to 5.0 the image was .../rgb/image_rect_color
        "zed": CameraPreset(
            "/zed/zed_node/rgb/color/rect/image",
            "/zed/zed_node/rgb/color/rect/camera_info",
            "zed_left_camera_frame_optical",
            "ros2 launch zed_wrapper zed_camera.launch.py camera_model:=zed2i",
            rectified=True,
        ),
        "usb_cam": CameraPreset(
            "/image_raw",
            "/camera_info",
            "default_cam",
            "ros2 run usb_cam usb_cam_node_exe --ros-args -p camera_info_url:=file:///home/me/camera.yaml",
        ),
        "v4l2_camera": CameraPreset(
            "/image_raw",
            "/camera_info",
            "camera",
            "ros2 run v4l2_camera v4l2_camera_node --ros-args -p camera_info_url:=file:///home/me/camera.yaml",
        ),
        # The topics of ros_gz_sim_demos; Gazebo's frame_id is the sensor's scoped name unless gz_frame_id is set
        "gazebo": CameraPreset(
            "/camera",
            "/camera_info",
            "camera_optical_frame",
            "ros2 run ros_gz_bridge parameter_bridge /camera@sensor_msgs/msg/Image[gz.msgs.Image "
            "/camera_info@sensor_msgs/msg/CameraInfo[gz.msgs.CameraInfo /clock@rosgraph_msgs/msg/Clock[gz.msgs.Clock",
        ),
    }
)
"""Name of a preset → the driver's topics."""
