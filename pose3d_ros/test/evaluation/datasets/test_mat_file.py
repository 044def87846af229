"""MATLAB files of both kinds."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from pose3d_ros.errors import ConfigError, InputError
from pose3d_ros.evaluation.datasets.mat_file import read_mat
from pose3d_ros.reading.files import Origin

from .conftest import mat_arrays

ORIGIN = Origin(InputError, "annotations x.mat", "Use the dataset's.")
NAMES = ("annot2", "annot3", "univ_annot3", "valid_frame")
HEAD = b"MATLAB 7.3 MAT-file".ljust(512, b" ")


def write_hdf5(path: Path) -> Path:
    """A file as MATLAB 7.3 writes it: a head of 512 bytes, axes reversed."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in mat_arrays().items():
            file[name] = np.ascontiguousarray(array.T)
    with path.open("r+b") as file:
        file.write(HEAD)
    return path


def test_both_kinds_give_the_same_arrays(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "old.mat", mat_arrays())
    old = read_mat(tmp_path / "old.mat", NAMES, ORIGIN)
    new = read_mat(write_hdf5(tmp_path / "new.mat"), NAMES, ORIGIN)
    for name, array in mat_arrays().items():
        np.testing.assert_allclose(old[name], array)
        np.testing.assert_allclose(new[name], array)


def test_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new.mat"
    path.write_bytes(HEAD)
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "h5py" else found(name))
    with pytest.raises(ConfigError, match="pip install h5py"):
        read_mat(path, NAMES, ORIGIN)


@pytest.mark.parametrize("content", [b"", b"text", HEAD + b"\x89HDF\r\n\x1a\n damaged"])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.mat").write_bytes(content)
    with pytest.raises(InputError, match="MATLAB"):
        read_mat(tmp_path / "x.mat", NAMES, ORIGIN)


def test_missing_variable_is_named(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "x.mat", {"annot2": np.ones(3)})
    with pytest.raises(InputError, match="none of the name annot3"):
        read_mat(tmp_path / "x.mat", NAMES, ORIGIN)
