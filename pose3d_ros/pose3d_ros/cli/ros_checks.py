"""What `pose3d doctor` says about ROS: rclpy, the middleware and its transport, and packages that are optional."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping

from pose3d_ros.cli.checks import Check, State
from pose3d_ros.config.optional_packages import USES, how_to_get
from pose3d_ros.config.share_folders import share_file
from pose3d_ros.nodes.dds_profile import (
    SharedMemory,
    image_profile,
    shared_memory,
    shared_memory_problem,
    transport_environment,
    user_profile,
)
from pose3d_ros.reading.files import is_file

_ROS_PROBE = (
    "import pose3d_msgs.msg, rclpy, sensor_msgs.msg; "
    "from rclpy.utilities import get_rmw_implementation_identifier as f; print(f())"
)
_ROS_LIMIT_S = 30
_PROGRAMS = {"rviz2": "rviz:=true of the launch files needs it", "ros2": "`ros2 launch` and `ros2 run` need it"}
_PROGRAM_PACKAGES = {"rviz2": "rviz2", "ros2": "ros2launch"}


def ros_checks(environment: Mapping[str, str]) -> Iterator[Check]:
    """Check rclpy, the messages, the middleware and its transport."""
    missing = [m for m in ("rclpy", "pose3d_msgs") if importlib.util.find_spec(m) is None]
    if missing:
        remedy = "`make setup` installs it, or source a workspace; `pose3d run` and `evaluate` work without."
        yield Check(State.WARN, "ros", f"no {' and no '.join(missing)}", remedy)
        return
    yield Check(State.OK, "distribution", environment.get("ROS_DISTRO") or "from Python wheels, none sourced")
    rmw, error = _probe_ros()
    if not rmw:
        yield Check(State.FAIL, "rclpy", f"can't be used: {error}", "Source the ROS that this Python belongs to.")
        return
    yield Check(State.OK, "rclpy and messages", f"work, over {rmw}")
    if "fastrtps" in rmw:
        yield transport_check(environment)
        yield shared_memory_check(environment, shared_memory())
    for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_LOCALHOST_ONLY"):
        if environment.get(name):
            yield Check(State.OK, name, environment[name])
    yield from optional_checks(environment.get("ROS_DISTRO", ""))


def optional_checks(distro: str) -> Iterator[Check]:
    """Packages of ROS that are used where they are. distro: its name, empty where none is sourced."""
    for name, use in USES.items():
        if importlib.util.find_spec(name) is not None:
            yield Check(State.OK, name, "installed")
        else:
            yield Check(State.INFO, name, f"not installed; {use}", _remedy(name, distro))
    for name, use in _PROGRAMS.items():
        found = shutil.which(name)
        if found:
            yield Check(State.OK, name, found)
        else:
            yield Check(State.INFO, name, f"not installed; {use}", _remedy(_PROGRAM_PACKAGES[name], distro))


def _remedy(package: str, distro: str) -> str:
    remedy = how_to_get(package, distro) if distro else how_to_get(package)
    if not distro and remedy.startswith("apt"):
        return f"It comes with a ROS installation: {package}"
    return remedy


def _probe_ros() -> tuple[str, str]:
    """The middleware's name, or why there is none; in a subprocess, which a broken ROS may crash."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _ROS_PROBE], capture_output=True, text=True, timeout=_ROS_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return "", f"no answer within {_ROS_LIMIT_S} s"
    error = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return (done.stdout.strip(), "") if done.returncode == 0 else ("", error)


def transport_check(environment: Mapping[str, str]) -> Check:
    """Whether Fast DDS has a profile that carries images."""
    name, profile = "image transport", user_profile(environment)
    if profile is None:
        found = "no Fast DDS profile: best-effort images above 512 KB never arrive (launch files and the demo set one)"
        ours = share_file(image_profile(shared_memory()), environment)
        remedy = f"export FASTDDS_DEFAULT_PROFILES_FILE={ours}  (for the camera's node as well)"
        return Check(State.WARN, name, found, remedy)
    if not is_file(profile):
        return Check(State.FAIL, name, f"the profile {profile} is not there", "Correct the variable.")
    return Check(State.OK, name, f"Fast DDS profile {profile}")


def shared_memory_check(environment: Mapping[str, str], memory: SharedMemory | None) -> Check:
    """Whether the images' shared memory fits into this machine's or container's."""
    name = "/dev/shm"
    if memory is None:
        return Check(State.INFO, name, "none on this system")
    problem = shared_memory_problem(transport_environment(environment), memory)
    if problem is not None:
        found, _, remedy = problem.partition(" Start ")
        return Check(State.WARN, name, found, f"Start {remedy}")
    return Check(State.OK, name, f"{memory.free_bytes >> 20} of {memory.total_bytes >> 20} MB free")
