"""ROS packages that are used where they are installed: what each is for, and how to get it.

Releases are those of rosdistro's distribution files of Humble, Jazzy, Kilted and Rolling.
"""

from __future__ import annotations

USES = {
    "tf2_ros": "target_frame, floor_frame, fixed_frame and publish_tf need it",
    "cv_bridge": "without it images are converted in Python",
    "launch_ros": "the launch files need it",
    "vision_msgs": "publish_detections_2d, publish_detections_3d and detections_topic need it",
    "hri_msgs": "hri_bridge (bodies of REP-155) needs it",
    "people_msgs": "publish_people_msgs needs it",
    "yolo_msgs": "detections_topic of yolo_ros needs it",
}
"""Package → what it is for. Its Python module has the same name."""

_SOURCES = {
    "people_msgs": "https://github.com/wg-perception/people, branch ros2",
    "yolo_msgs": "https://github.com/mgonzs13/yolo_ros",
    "hri_msgs": "https://github.com/ros4hri/hri_msgs",
}
"""Package that not every distribution has → where its source is."""
_RELEASED = {"hri_msgs": ("humble", "jazzy", "rolling")}
"""Which distributions have one of these."""
_APT_NAMES = {"tf2_ros": "tf2-ros-py"}


def how_to_get(package: str, distro: str = "$ROS_DISTRO") -> str:
    """What installs it, as half a sentence. distro: name of the distribution; the default where it is not known."""
    apt = f"apt install ros-{distro}-{_APT_NAMES.get(package, package).replace('_', '-')}"
    if package not in _SOURCES or distro in _RELEASED.get(package, ()):
        return apt
    build = f"build {package} of {_SOURCES[package]}, in your workspace"
    if package not in _RELEASED or not distro.startswith("$"):
        return build
    return f"{apt} ({', '.join(name.capitalize() for name in _RELEASED[package])}), or {build}"
