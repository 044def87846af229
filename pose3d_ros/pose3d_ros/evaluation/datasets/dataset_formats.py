"""The formats of datasets by name, and which one a path is, by its content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pose3d_ros.bags.bag_files import is_bag
from pose3d_ros.errors import ConfigError, InputError, shown
from pose3d_ros.evaluation.datasets import (
    bag_sequence,
    cvml_xml,
    human36m,
    mot_text,
    mpi_inf_3dhp,
    muco,
    mupots,
    panoptic,
    pw3d,
)
from pose3d_ros.evaluation.datasets.ground_truth import Dataset, Selection
from pose3d_ros.reading.files import is_folder, is_there

AUTO = "auto"


@dataclass(frozen=True)
class DatasetFormat:
    """holds: whether a path has this format. read: reads it. about: in one line."""

    holds: Callable[[Path], bool]
    read: Callable[[Path, Selection], Dataset]
    about: str


FORMATS: dict[str, DatasetFormat] = {
    bag_sequence.NAME: DatasetFormat(is_bag, bag_sequence.read_bag, "a recording with ground truth"),
    human36m.NAME: DatasetFormat(human36m.is_human36m, human36m.read_human36m, "Human3.6M's JSON of 3DMPPE"),
    mupots.NAME: DatasetFormat(mupots.is_mupots, mupots.read_mupots, "MuPoTS-3D.json of 3DMPPE"),
    muco.NAME: DatasetFormat(muco.is_muco, muco.read_muco, "MuCo-3DHP.json of 3DMPPE"),
    pw3d.NAME: DatasetFormat(pw3d.is_pw3d, pw3d.read_pw3d, "3DPW_test.json of 3DMPPE"),
    mpi_inf_3dhp.NAME: DatasetFormat(mpi_inf_3dhp.is_3dhp, mpi_inf_3dhp.read_3dhp, "annot_data.mat of MPI-INF-3DHP"),
    panoptic.NAME: DatasetFormat(panoptic.is_panoptic, panoptic.read_panoptic, "a sequence's folder of CMU Panoptic"),
    mot_text.NAME: DatasetFormat(mot_text.is_mot, mot_text.read_mot, "gt.txt of the MOT challenge"),
    cvml_xml.NAME: DatasetFormat(cvml_xml.is_cvml, cvml_xml.read_cvml, "CVML's XML, as of PETS 2009"),
}
"""In the order in which a path is tried."""


def read_dataset(path: Path, selection: Selection | None = None, format_name: str = AUTO) -> Dataset:
    """Read a dataset, or the selected part of it.

    Raises InputError for a path that is none, ConfigError for an unknown format, and what the format's reader raises.
    """
    name = format_of(path) if format_name == AUTO else format_name
    if name not in FORMATS:
        names = ", ".join((AUTO, *FORMATS))
        raise ConfigError("--format", expected=f"one of {names}", got=shown(name), fix="Name one of them.")
    return FORMATS[name].read(path, selection or Selection())


def format_of(path: Path) -> str:
    """The name of a path's format. Raises InputError where it has none."""
    found = next((name for name, one in FORMATS.items() if is_there(path) and one.holds(path)), None)
    if found is not None:
        return found
    got = "a folder of something else" if is_folder(path) else "another file" if is_there(path) else "nothing there"
    raise InputError(
        f"dataset {path}",
        expected="; ".join(f"{one.about} ({name})" for name, one in FORMATS.items()),
        got=got,
        fix="Name the dataset's folder or its annotation file; --format says which it is.",
    )
