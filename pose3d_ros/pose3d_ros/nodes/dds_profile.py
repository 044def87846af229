"""DDS settings that images need, for processes started from here, and what to do when images are lost."""

from __future__ import annotations

from collections.abc import Mapping

from pose3d_ros.config.share_folders import share_file

PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
"""Read by Fast DDS; the second is the only one up to Humble's, and a deprecated one after it."""

PROFILE = "config/fastdds.xml"


def profile_variable(environ: Mapping[str, str]) -> str:
    """The variable that the Fast DDS of this environment's ROS reads."""
    return PROFILE_VARIABLES[1] if environ.get("ROS_DISTRO") == "humble" else PROFILE_VARIABLES[0]


def user_profile(environ: Mapping[str, str]) -> str | None:
    """The Fast DDS profile that the environment already names, if any."""
    return next((environ[name] for name in PROFILE_VARIABLES if environ.get(name)), None)


def transport_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child process that sends or receives images: with our profile, unless the user has one."""
    child = dict(environ)
    if user_profile(environ) is None:
        child[profile_variable(environ)] = str(share_file(PROFILE, environ))
    return child


def lost_images_remedy(rmw: str, compressed: bool, environ: Mapping[str, str]) -> str:
    """What to do when a topic with a publisher brings no image, or fewer than it should.

    rmw: the middleware's identifier, e.g. `rmw_fastrtps_cpp`. compressed: whether the topic is a compressed one.
    """
    advice: list[str] = []
    if "fastrtps" in rmw:
        advice.insert(0, _fastdds_remedy(environ))
    elif "cyclonedds" in rmw:
        advice.insert(0, "Raise the kernel's receive buffer: sysctl -w net.core.rmem_max=33554432.")
    if not compressed:
        advice.append("Or use image_transport:=compressed.")
    return "images are lost. " + " ".join(advice)


def _fastdds_remedy(environ: Mapping[str, str]) -> str:
    ours = user_profile(environ)
    start = "Fast DDS's built-in shared-memory segment (512 KB) is too small for a raw image"
    if ours is None:
        setting = f"{profile_variable(environ)}={share_file(PROFILE, environ)}"
        return f"{start}: start this node and the publisher with {setting}."
    return f"{start}: this node has the profile {ours}, start the publisher with it as well."
