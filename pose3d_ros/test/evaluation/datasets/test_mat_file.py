"""MATLAB files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from pose3d_ros.errors import ConfigError, InputError
from pose3d_ros.evaluation.datasets.mat_file import read_mat
from pose3d_ros.reading.files import Origin

from .conftest import MAT_HEAD, mat_arrays, write_mat

ORIGIN = Origin(InputError, "annotations x.mat", "Use the dataset's.")
NAMES = ("annot2", "annot3", "univ_annot3", "valid_frame")


def test_arrays_are_in_the_order_of_matlab(tmp_path: Path) -> None:
    found = read_mat(write_mat(tmp_path / "new.mat"), NAMES, ORIGIN)
    for name, array in mat_arrays().items():
        np.testing.assert_allclose(found[name], array)


def test_older_files_are_refused(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "old.mat", mat_arrays())
    with pytest.raises(InputError, match=r"MATLAB 7\.3"):
        read_mat(tmp_path / "old.mat", NAMES, ORIGIN)


def test_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new.mat"
    path.write_bytes(MAT_HEAD)
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "h5py" else found(name))
    with pytest.raises(ConfigError, match="pip install h5py"):
        read_mat(path, NAMES, ORIGIN)


@pytest.mark.parametrize("content", [b"", b"text", MAT_HEAD + b"\x89HDF\r\n\x1a\n damaged"])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.mat").write_bytes(content)
    with pytest.raises(InputError, match="MATLAB"):
        read_mat(tmp_path / "x.mat", NAMES, ORIGIN)


def test_missing_variable_is_named(tmp_path: Path) -> None:
    write_mat(tmp_path / "x.mat", {"annot2": np.ones((3, 1))})
    with pytest.raises(InputError, match="none of the name annot3"):
        read_mat(tmp_path / "x.mat", NAMES, ORIGIN)
