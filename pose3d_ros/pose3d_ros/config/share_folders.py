"""Where the package's own launch, config and engine files are: in its sources, a ROS workspace or an environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGE = "pose3d_ros"


def share_directories(environ: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """The folders that may hold them, nearest first: beside the sources, of the ament index, of this Python."""
    variables = os.environ if environ is None else environ
    prefixes = [p for p in variables.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    installed = [Path(prefix) / "share" / PACKAGE for prefix in (*prefixes, sys.prefix)]
    return (Path(__file__).resolve().parents[2], *installed)


def share_file(relative: str, environ: Mapping[str, str] | None = None) -> Path:
    """A file or folder of the package, e.g. `config/fastdds.xml`. Raises FileNotFoundError."""
    for directory in share_directories(environ):
        if (directory / relative).exists():
            return directory / relative
    raise FileNotFoundError(f"{PACKAGE} is installed without {relative}: install it again with its data files")
