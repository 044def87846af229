"""The file of cameras' poses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import ConfigError
from pose3d_ros.geometry.extrinsics_file import read_extrinsics

POSES = """
extrinsics:
  front:
    translation: [1, 2.5, 0]
    rotation: [0, 0, 1, 1]
  rear: {translation: [0, 0, 0], rotation: [0, 0, 0, 2]}
"""


def test_poses_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "poses.yaml"
    path.write_text(POSES, encoding="utf-8")
    found = read_extrinsics(str(path), ("front", "rear"))
    np.testing.assert_allclose(found["front"].apply(np.array([1.0, 0.0, 0.0])), (1.0, 3.5, 0.0), atol=1e-12)
    np.testing.assert_allclose(found["rear"].rotation, np.eye(3))


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("rear:", "read:", "the camera rear"),
        ("[1, 2.5, 0]", "[1, 2.5]", "3 numbers of front: translation"),
        ("[0, 0, 1, 1]", "[0, 0, one, 1]", "4 numbers of front: rotation"),
        ("[0, 0, 1, 1]", "[0, 0, 0, 0]", "a quaternion"),
        ("[0, 0, 1, 1]", "[0, 0, .nan, 1]", "4 numbers"),
        ("extrinsics:", "cameras:", "a mapping"),
        ("  front:\n    translation: [1, 2.5, 0]\n    rotation: [0, 0, 1, 1]", "  front: 3", "a mapping"),
    ],
)
def test_files_that_are_wrong_say_what_is_expected(tmp_path: Path, old: str, new: str, text: str) -> None:
    path = tmp_path / "poses.yaml"
    path.write_text(POSES.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=text) as caught:
        read_extrinsics(str(path), ("front", "rear"))
    assert "translation: [x, y, z]" in str(caught.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        read_extrinsics("/nowhere.yaml", ("front", "rear"))
