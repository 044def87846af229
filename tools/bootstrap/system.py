"""System packages: which are missing, and their installation where that needs no password."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from ctypes.util import find_library
from pathlib import Path

from bootstrap.console import Console, SetupError

# With a sourced ROS these come from its distribution, so that they fit its own compiled modules.
_ROS_MODULES = {
    "cv2": "python3-opencv",
    "matplotlib": "python3-matplotlib",
    "numpy": "python3-numpy",
    "scipy": "python3-scipy",
    "yaml": "python3-yaml",
}


def missing_packages(*, ros_sourced: bool) -> list[str]:
    """Names of the apt packages whose content set-up needs and does not find."""
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    missing = []
    if shutil.which(os.environ.get("CXX", "c++")) is None and shutil.which("g++") is None:
        missing.append("g++")
    if shutil.which("make") is None:
        missing.append("make")
    if not Path(sysconfig.get_paths()["include"], "Python.h").is_file():
        missing.append(f"{python}-dev")
    if importlib.util.find_spec("ensurepip") is None:
        missing.append(f"{python}-venv")
    if ros_sourced:
        missing += [package for module, package in _ROS_MODULES.items() if importlib.util.find_spec(module) is None]
        if shutil.which("colcon") is None:
            missing.append("python3-colcon-common-extensions")
        if shutil.which("cmake") is None:
            missing.append("cmake")
    return missing


def wanted_packages(profile: str) -> list[str]:
    """Names of the apt packages that are good to have: without them some tests are skipped."""
    # Off-screen OpenGL in software, for the renderer of training images.
    return ["libegl1", "libgl1-mesa-dri"] if profile == "test" and find_library("EGL") is None else []


def can_install() -> bool:
    """True where apt-get works without asking for a password."""
    return shutil.which("apt-get") is not None and _root_prefix() is not None


def install_packages(console: Console, packages: list[str]) -> None:
    """Install with apt-get as root or by a sudo that asks nothing. Raises SetupError where that can't be."""
    by_hand = f"sudo apt-get install {' '.join(packages)}"
    prefix = _root_prefix()
    if shutil.which("apt-get") is None:
        raise SetupError(
            f"missing: {', '.join(packages)} (Debian's names), and there is no apt-get here to bring them."
        )
    if prefix is None:
        raise SetupError(
            f"system packages are missing and bringing them needs a password. Run\n    {by_hand}\nand this again."
        )
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    install = [*prefix, "apt-get", "install", "-y", "--no-install-recommends", *packages]
    try:
        console.run(install, env=env)
    except SetupError:  # on a fresh machine the lists of packages are empty or old
        console.run([*prefix, "apt-get", "update"], env=env)
        console.run(install, env=env)


def _root_prefix() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    answered = subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return ["sudo", "-n", "--preserve-env=DEBIAN_FRONTEND"] if answered.returncode == 0 else None
