"""`pose3d doctor`: what is installed, what works, why not, and what to do."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path

from rich.text import Text

import pose3d_ros
from pose3d_ros.bags.bag_reader import sample_bag
from pose3d_ros.cli.terminal import open_console
from pose3d_ros.config.settings import PARAMETERS
from pose3d_ros.config.share_folders import share_file
from pose3d_ros.engines import ManifestEntry, choose_backend
from pose3d_ros.engines.factory import default_probes
from pose3d_ros.engines.spec.manifest import verify_sha256
from pose3d_ros.engines.spec.model_sets import open_set
from pose3d_ros.errors import Pose3DError
from pose3d_ros.nodes.dds_profile import (
    SharedMemory,
    image_profile,
    shared_memory,
    shared_memory_problem,
    transport_environment,
    user_profile,
)
from pose3d_ros.reading.files import is_file
from pose3d_ros.stages.pose.root_localization import needed_roles

_MIN_PYTHON = (3, 10)
_SAME_NAME = ("attrs", "matplotlib", "numpy", "onnxruntime", "rich", "rosbags", "scipy")
_PACKAGES = {"opencv-python-headless": "cv2", "PyYAML": "yaml"} | {name: name for name in _SAME_NAME}
"""Package → its module."""
_ROS_PROBE = (
    "import pose3d_msgs.msg, rclpy, sensor_msgs.msg; "
    "from rclpy.utilities import get_rmw_implementation_identifier as f; print(f())"
)
_ROS_LIMIT_S = 30


class State(Enum):
    """How a check went, with the style of its text. INFO: something optional is not there."""

    OK = "green"
    INFO = "dim"
    WARN = "yellow"
    FAIL = "bold red"


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, what was found, and what to do about it."""

    state: State
    name: str
    found: str
    remedy: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--engines", metavar="NAME|DIR", default=PARAMETERS["engines"].default, help="models to check (%(default)s)"
    )


def execute(args: argparse.Namespace) -> int:
    """Print every check. Exit code 1 when something that is needed does not work."""
    sections: tuple[tuple[str, Callable[[], Iterable[Check]]], ...] = (
        ("Python", python_checks),
        ("ROS", lambda: ros_checks(os.environ)),
        ("Backends", backend_checks),
        ("Models", lambda: engine_checks(args.engines)),
        ("Files and devices", device_checks),
    )
    console = open_console()
    failed = 0
    for title, checks in sections:
        console.print(f"\n{title}", style="bold")
        found = list(checks())
        width = max(len(check.name) for check in found)
        for check in found:
            failed += check.state is State.FAIL
            console.print(format_check(check, width), soft_wrap=True)
    print(f"\nProblems to solve: {failed}." if failed else "\nEverything that is needed works.")
    return 1 if failed else 0


def format_check(check: Check, width: int) -> Text:
    """The check as one or two lines, the state in its style, the name padded to a width."""
    remedy = f"\n        → {check.remedy}" if check.remedy else ""
    name = check.state.name if check.state is State.FAIL else check.state.name.lower()
    return Text.assemble("  ", (f"{name:<5}", check.state.value), f" {check.name:<{width}}  {check.found}{remedy}")


def python_checks() -> Iterator[Check]:
    """The interpreter and the packages."""
    version = ".".join(str(v) for v in sys.version_info[:3])
    if sys.version_info[:2] < _MIN_PYTHON:
        yield Check(State.FAIL, "python", version, "Use Python 3.10 or newer.")
    else:
        yield Check(State.OK, "python", f"{version} ({sys.executable})")
    yield Check(State.OK, "pose3d_ros", f"{pose3d_ros.__version__} ({Path(__file__).resolve().parents[1]})")
    for package, module in _PACKAGES.items():
        if importlib.util.find_spec(module) is None:
            yield Check(State.FAIL, package, "not installed", f"pip install {package}")
        else:
            yield Check(State.OK, package, _version(module, package))


def _version(module: str, package: str) -> str:
    for name in (package, "opencv-python", "opencv-contrib-python") if module == "cv2" else (package,):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    return str(getattr(importlib.import_module(module), "__version__", "installed"))


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
    if importlib.util.find_spec("tf2_ros") is None:
        yield Check(State.INFO, "tf2_ros", "not installed; target_frame and publish_tf need it")


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


def backend_checks() -> Iterator[Check]:
    """Check what can run the models."""
    for name, probe in default_probes().items():
        found = probe()
        needed = State.FAIL if name == "onnxruntime" else State.INFO
        yield Check(State.OK if found.usable else needed, name, found.reason)
    yield _tried("chosen", lambda: "{0.name}: {0.reason}".format(choose_backend()))


def engine_checks(engines: str) -> Iterator[Check]:
    """Check the manifest, and that every model is the file it describes. engines: as the setting."""
    try:
        manifest = open_set(engines)
    except Pose3DError as error:
        yield Check(State.FAIL, "manifest", str(error))
        return
    yield Check(State.OK, "manifest", str(manifest.directory))
    for problem in manifest.problems:
        yield Check(State.WARN, "engines", problem)
    yield from (_tried(entry.name, partial(_verified, entry)) for entry in manifest.entries)
    needed = needed_roles(manifest)
    for role in dict.fromkeys((*needed, "root", "smoother")):
        if not manifest.has_role(role):
            state = State.FAIL if role in needed else State.INFO
            yield Check(state, role, "no model for it", "Add one, or choose another folder of models.")


def _verified(entry: ManifestEntry) -> str:
    verify_sha256(entry)
    return f"{'+'.join(entry.roles)}, sha256 {entry.sha256[:12]}…, {entry.license}"


def _tried(name: str, call: Callable[[], str], failed: State = State.FAIL) -> Check:
    """What a call returns, or its error."""
    try:
        return Check(State.OK, name, call())
    except Pose3DError as error:
        return Check(failed, name, str(error))


def device_checks() -> Iterator[Check]:
    """The sample recording, the video encoder, cameras."""
    from pose3d_ros.drawing.video_writer import find_ffmpeg

    yield _tried("sample recording", lambda: str(sample_bag()), State.WARN)
    ffmpeg = find_ffmpeg()
    if ffmpeg:
        yield Check(State.OK, "ffmpeg", ffmpeg)
    else:
        remedy = "apt install ffmpeg, or pip install imageio-ffmpeg"
        yield Check(State.WARN, "ffmpeg", "none: videos are VP9, which some players can't show", remedy)
    yield from camera_checks(Path("/dev"))


def camera_checks(devices: Path) -> Iterator[Check]:
    """The cameras of this machine and whether they may be used."""
    cameras = sorted(devices.glob("video*"))
    if not cameras:
        yield Check(State.INFO, "cameras", "none on this machine")
    for camera in cameras:
        if os.access(camera, os.R_OK | os.W_OK):
            hint = f"try `pose3d run --source {camera.name.removeprefix('video')}`"
            yield Check(State.OK, camera.name, f"{camera} ({hint})")
        else:
            remedy = "sudo usermod -aG video $USER, then log in again."
            yield Check(State.WARN, camera.name, f"no permission for {camera}", remedy)
