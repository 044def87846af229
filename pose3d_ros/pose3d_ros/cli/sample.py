"""The recording that comes with the package."""

from __future__ import annotations

from pathlib import Path

from pose3d_ros.errors import BagError

_FOLDER = "samples"


def sample_bag() -> Path:
    """The package's sample bag. Raises BagError when it is not installed."""
    from pose3d_ros.config.share_folders import share_directories

    folders = [directory / _FOLDER for directory in share_directories()]
    for folder in folders:
        bags = sorted(folder.glob("*.mcap"))
        if bags:
            return bags[0]
    raise BagError(
        "sample recording",
        expected="an .mcap file that came with the package",
        got="none in " + ", ".join(str(folder) for folder in folders),
        fix="Install the package with its data files, or name a recording with --bag.",
    )
