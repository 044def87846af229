"""Builds pose3d_msgs with colcon into the environment."""

from __future__ import annotations

import os
import re
import sysconfig
from pathlib import Path

from bootstrap.console import Console

# Where the wheels were built: their exported CMake files name that machine's Python headers and numpy.
_FOREIGN_INCLUDE = re.compile(r"/opt/python/[^/;\"\s]+/include/python3\.\d+")
_FOREIGN_SITE = re.compile(r"/opt/python/[^/;\"\s]+/lib/python3\.\d+/site-packages")


def localize_cmake(text: str, *, include: Path, site_packages: Path) -> str:
    """Replace the wheel builder's Python folders in an exported CMake file by these."""
    text = _FOREIGN_INCLUDE.sub(lambda _: include.as_posix(), text)
    return _FOREIGN_SITE.sub(lambda _: site_packages.as_posix(), text)


def localize_wheels(venv: Path, site_packages: Path) -> None:
    """Make the CMake files that the ROS wheels brought usable with this interpreter."""
    include = Path(sysconfig.get_paths()["include"])
    for path in (venv / "share").rglob("*.cmake"):
        text = path.read_text()
        local = localize_cmake(text, include=include, site_packages=site_packages)
        if local != text:
            path.write_text(local)


def build_messages(console: Console, *, root: Path, venv: Path, site_packages: Path) -> None:
    """Build and install pose3d_msgs into the environment's prefix, where Python and the loader look already."""
    # A folder named COLCON_IGNORE hides the environment from `colcon list` and `colcon build` at the root.
    (venv / "COLCON_IGNORE").touch()
    env = {name: "" for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL") if name in os.environ}
    env |= {"PATH": f"{venv / 'bin'}:{os.environ['PATH']}", "VIRTUAL_ENV": str(venv)}
    for name in ("AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH"):
        env[name] = ":".join(filter(None, [str(venv), os.environ.get(name)]))
    options = {
        "--base-paths": root / "pose3d_msgs",
        "--build-base": venv / "colcon/build",
        "--install-base": venv,
    }
    definitions = {
        "Python3_EXECUTABLE": venv / "bin/python",
        "PYTHON_INSTALL_DIR": site_packages.relative_to(venv),
        "CMAKE_BUILD_TYPE": "Release",
        "BUILD_TESTING": "OFF",
    }
    command: list[str | Path] = ["colcon", "--log-base", venv / "colcon/log", "build", "--merge-install"]
    command += [part for option in options.items() for part in option]
    command += ["--cmake-args", *(f"-D{name}={value}" for name, value in definitions.items())]
    console.run(command, env=env, cwd=venv)
