"""DDS settings that images need, for processes started from here, and what to do when images are lost."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pose3d_ros.config.share_folders import share_file
from pose3d_ros.errors import ConfigError
from pose3d_ros.reading.files import Origin, read_text

PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
"""Read by Fast DDS; the second is the only one up to Humble's, and a deprecated one after it."""

PROFILE = "config/fastdds.xml"
SMALL_PROFILE = "config/fastdds_small.xml"
NO_IMAGES_PROFILE = "config/fastdds_no_images.xml"
_PROFILE_BYTES = 1 << 20
_SEGMENT_BYTES = 32 << 20  # of PROFILE
_SEGMENTS = 4  # driver, pose_node, a player or second camera, and room for what ended without removing its own


@dataclass(frozen=True)
class SharedMemory:
    """What /dev/shm has: Docker's default is 64 MB."""

    total_bytes: int
    free_bytes: int


def shared_memory(path: str = "/dev/shm") -> SharedMemory | None:
    """That of this machine or container; None where there is no such folder."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return SharedMemory(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


def image_profile(memory: SharedMemory | None) -> str:
    """The profile whose segments fit into the shared memory."""
    enough = memory is None or memory.total_bytes >= _SEGMENTS * _SEGMENT_BYTES
    return PROFILE if enough else SMALL_PROFILE


def profile_variable(environ: Mapping[str, str]) -> str:
    """The variable that the Fast DDS of this environment's ROS reads."""
    return PROFILE_VARIABLES[1] if environ.get("ROS_DISTRO") == "humble" else PROFILE_VARIABLES[0]


def user_profile(environ: Mapping[str, str]) -> str | None:
    """The Fast DDS profile that the environment already names, if any."""
    return next((environ[name] for name in PROFILE_VARIABLES if environ.get(name)), None)


def profile_setting(environ: Mapping[str, str], *, sends_images: bool = True) -> dict[str, str]:
    """The variable and the profile of ours that fits a process; nothing where the user has one.

    sends_images: what is received lies in the sender's segment, so that others need none.
    """
    if user_profile(environ) is not None:
        return {}
    profile = image_profile(shared_memory()) if sends_images else NO_IMAGES_PROFILE
    return {profile_variable(environ): str(share_file(profile, environ))}


def transport_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child process that sends images: with our profile, unless the user has one."""
    return {**environ, **profile_setting(environ)}


@cache
def segment_bytes(profile: str) -> int:
    """The largest shared-memory segment of a Fast DDS profile; 0 for none, or a file that can't be read.

    Read once: Fast DDS reads it when a process starts.
    """
    origin = Origin(ConfigError, f"Fast DDS profile {profile}", "Correct the variable that names it.")
    try:
        elements = list(ElementTree.fromstring(read_text(profile, origin, most_bytes=_PROFILE_BYTES)).iter())
    except (ConfigError, ElementTree.ParseError, ValueError):  # the last for an encoding that it declares
        return 0
    sizes = [(e.text or "").strip() for e in elements if e.tag.rpartition("}")[2] == "segment_size"]
    return max((int(size) for size in sizes if size.isdecimal() and len(size) < 12), default=0)


def shared_memory_problem(environ: Mapping[str, str], memory: SharedMemory | None) -> str | None:
    """What is wrong when the profile's segments do not fit; a process without one loses images in silence."""
    profile = user_profile(environ)
    segment = segment_bytes(profile) if profile else 0
    if memory is None or not segment:
        return None
    if memory.total_bytes >= _SEGMENTS * segment and memory.free_bytes >= segment:
        return None
    small, smaller = share_file(SMALL_PROFILE, environ), ""
    if segment > segment_bytes(str(small)):
        smaller = f", or all processes with {profile_variable(environ)}={small}"
    total_mb, free_mb, segment_mb = (size >> 20 for size in (memory.total_bytes, memory.free_bytes, segment))
    return (
        f"/dev/shm has {total_mb} MB, {free_mb} MB of them free: too little for segments of Fast DDS, {segment_mb} MB "
        f"for each process; images are lost. Start the container with --shm-size=512m or --ipc=host{smaller}."
    )


def lost_images_remedy(rmw: str, compressed: bool, environ: Mapping[str, str], image_bytes: int = 0) -> str:
    """What to do when a topic with a publisher brings no image, or fewer than it should.

    rmw: the middleware's identifier, e.g. `rmw_fastrtps_cpp`. compressed: whether the topic is a compressed one.
    image_bytes: size of a raw image, 0 where it is unknown.
    """
    advice: list[str] = []
    if "fastrtps" in rmw:
        advice.insert(0, _fastdds_remedy(environ, 0 if compressed else image_bytes))
    elif "cyclonedds" in rmw:
        advice.insert(0, "Raise the kernel's receive buffer: sysctl -w net.core.rmem_max=33554432.")
    if not compressed:
        advice.append("Or use image_transport:=compressed.")
    return "images are lost. " + " ".join(advice)


def _fastdds_remedy(environ: Mapping[str, str], image_bytes: int) -> str:
    ours = user_profile(environ)
    segment = segment_bytes(ours) if ours else 0
    if 0 < segment < image_bytes:
        return (
            f"An image of {image_bytes >> 20} MB does not fit into the {segment >> 20} MB of shared memory that the "
            f"profile {ours} gives a process: use one with a larger segment_size, here and for the publisher (this "
            f"package's fastdds.xml has {_SEGMENT_BYTES >> 20} MB), with four times that in /dev/shm (--shm-size)."
        )
    start = "Fast DDS's built-in shared-memory segment (512 KB) is too small for a raw image"
    if ours is None:
        setting = f"{profile_variable(environ)}={share_file(image_profile(shared_memory()), environ)}"
        return f"{start}: start this node and the publisher with {setting}."
    return f"{start}: this node has the profile {ours}, start the publisher with it as well."
