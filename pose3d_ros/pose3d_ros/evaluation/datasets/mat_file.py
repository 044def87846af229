"""Arrays of MATLAB files of version 7.3, which are HDF5.

Older ones are refused: SciPy's reader of them, in C, can end the process on damaged bytes.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pose3d_ros.errors import ConfigError
from pose3d_ros.reading.files import Origin, check_file, read_ends
from pose3d_ros.types import Array

_HDF5 = b"MATLAB 7.3"
_MOST_VALUES = 100_000_000
"""Of a variable; damaged files claim more than there is memory."""


def read_mat(path: Path, names: Sequence[str], origin: Origin) -> dict[str, Array]:
    """The arrays of these names in MATLAB's order of axes, numbers only.

    Raises the origin's error for a file that is none or lacks one, and ConfigError where h5py is needed and missing.
    """
    check_file(path, origin)
    if not read_ends(path, origin, 128).startswith(_HDF5):
        raise origin.error("a file of MATLAB 7.3, as the dataset has them", "another version or other content")
    if importlib.util.find_spec("h5py") is None:
        raise ConfigError("MATLAB 7.3 files", expected="h5py", got="none installed", fix="pip install h5py.")
    try:
        found = _of_hdf5(path, names)
    except Exception as error:  # h5py raises whatever damaged bytes lead it to
        raise origin.error("a readable MATLAB file", "damaged or other content") from error
    for name in names:
        if name not in found or not found[name].size:
            raise origin.error(f"the variables {', '.join(names)}", f"none of the name {name}")
    return found


def _of_hdf5(path: Path, names: Sequence[str]) -> dict[str, Array]:
    import h5py

    with h5py.File(path, "r") as file:
        sizes = {name: file[name].size for name in names if name in file}
        return {name: _numbers(np.transpose(file[name][()])) for name, size in sizes.items() if size < _MOST_VALUES}


def _numbers(values: Any) -> Array:
    return np.asarray(values, dtype=np.float64)
