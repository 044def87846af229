"""Where the package's own launch, config and engine files are: in its sources, a ROS workspace or an environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGE = "pose3d_ros"


def share_directories(environ: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """The folders that may hold them, nearest first.

    Beside the sources (also through `colcon build --symlink-install`), under every prefix above the Python package
    (colcon, Debian and pip), in the ament index, under this Python's prefix.
    """
    variables = os.environ if environ is None else environ
    package = Path(__file__).resolve().parents[1]
    ament = [p for p in variables.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    prefixes: tuple[str | Path, ...] = (*package.parents, *ament, sys.prefix)
    return (package.parent, *(Path(prefix) / "share" / PACKAGE for prefix in prefixes))


def share_file(relative: str, environ: Mapping[str, str] | None = None) -> Path:
    """A file or folder of the package, e.g. `config/fastdds.xml`. Raises FileNotFoundError."""
    for directory in share_directories(environ):
        if (directory / relative).exists():
            return directory / relative
    raise FileNotFoundError(f"{PACKAGE} is installed without {relative}: install it again with its data files")


def user_models_directory(environ: Mapping[str, str] | None = None) -> Path:
    """The folder of the models that this user got, which may not be there (XDG Base Directory: `$XDG_DATA_HOME`)."""
    variables = os.environ if environ is None else environ
    home = Path(variables.get("XDG_DATA_HOME", ""))  # the specification ignores relative ones
    return (home if home.is_absolute() else Path("~/.local/share").expanduser()) / PACKAGE / "models"
