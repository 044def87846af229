"""Where the package's own files are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose3d_ros.config import share_folders
from pose3d_ros.config.share_folders import share_directories, share_file


def test_source_tree_comes_first_and_installed_prefixes_follow() -> None:
    package = Path(share_folders.__file__).resolve().parents[1]
    found = share_directories({})
    assert found[0] == package.parent
    # colcon and Debian put the package at <prefix>/lib/python3.x/site-packages/pose3d_ros.
    assert package.parents[1] / "share/pose3d_ros" in found


def test_files_are_found_in_an_installed_prefix(tmp_path: Path) -> None:
    file = tmp_path / "share/pose3d_ros/only_here.txt"
    file.parent.mkdir(parents=True)
    file.write_text("x")
    assert share_file("only_here.txt", {"AMENT_PREFIX_PATH": f"/nowhere:{tmp_path}"}) == file
    with pytest.raises(FileNotFoundError, match="no_such_file"):
        share_file("no_such_file", {})
