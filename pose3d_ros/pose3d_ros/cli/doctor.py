"""`pose3d doctor`: what is installed, what works, why not, and what to do."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import pose3d_ros
from pose3d_ros.cli.checks import Check, State, format_check
from pose3d_ros.cli.ros_checks import ros_checks
from pose3d_ros.cli.terminal import open_console
from pose3d_ros.config.settings import PARAMETERS
from pose3d_ros.engines import ManifestEntry, choose_backend
from pose3d_ros.engines.factory import default_probes
from pose3d_ros.engines.spec.manifest import verify_sha256
from pose3d_ros.engines.spec.model_sets import open_set
from pose3d_ros.errors import Pose3DError
from pose3d_ros.stages.pose.root_localization import needed_roles

_MIN_PYTHON = (3, 10)
_SAME_NAME = ("attrs", "matplotlib", "numpy", "onnxruntime", "rich", "rosbags", "scipy")
_PACKAGES = {"opencv-python-headless": "cv2", "PyYAML": "yaml"} | {name: name for name in _SAME_NAME}
"""Package → its module."""
_OPTIONAL = {
    "onnx": ("onnx", "`pose3d models get` and `pose3d import` need it"),
    "tflite": ("tflite", "`pose3d models get` needs it"),
    "trackeval": ("trackeval", "`pose3d evaluate` needs it for figures of identities (with --no-deps)"),
    "viser": ("viser", "`pose3d view` needs it"),
}
"""Module → its package, and what needs it."""


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
    for module, (package, use) in _OPTIONAL.items():
        if importlib.util.find_spec(module) is None:
            yield Check(State.INFO, package, f"not installed; {use}", f"pip install {package}")
        else:
            yield Check(State.OK, package, _version(module, package))


def _version(module: str, package: str) -> str:
    for name in (package, "opencv-python", "opencv-contrib-python") if module == "cv2" else (package,):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    with contextlib.suppress(ImportError):
        return str(getattr(importlib.import_module(module), "__version__", "installed"))
    return "installed"


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

    if importlib.util.find_spec("rosbags") is None:
        yield Check(State.INFO, "sample recording", "can't be looked at without rosbags")
    else:
        from pose3d_ros.bags.bag_reader import sample_bag

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


def main() -> int:
    """The command as a program of its own: `ros2 run pose3d_ros doctor`."""
    from pose3d_ros.cli.main import main as pose3d

    return pose3d(["doctor", *sys.argv[1:]])
