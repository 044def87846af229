"""Datasets that were damaged: people, or one of our errors."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fuzzing import fuzz
from hostile_inputs import mutated_bytes
from pose3d_ros.evaluation.datasets.dataset_formats import FORMATS
from pose3d_ros.evaluation.datasets.ground_truth import Selection

from .conftest import (
    write_cvml,
    write_human36m,
    write_mat,
    write_mot,
    write_muco,
    write_mupots,
    write_panoptic,
    write_pw3d,
)

INPUTS = 300
ANNOTATIONS = (".json", ".txt", ".xml", ".mat", ".ini")


@pytest.fixture
def datasets(tmp_path: Path) -> dict[str, Path]:
    """One of each format."""
    (tmp_path / "3dhp/TS1").mkdir(parents=True)
    write_mat(tmp_path / "3dhp/TS1/annot_data.mat")
    return {
        "h36m": write_human36m(tmp_path / "h36m", (9,)),
        "mupots": write_mupots(tmp_path / "mupots"),
        "muco": write_muco(tmp_path / "muco"),
        "3dpw": write_pw3d(tmp_path / "3dpw"),
        "3dhp": tmp_path / "3dhp",
        "panoptic": write_panoptic(tmp_path / "panoptic"),
        "mot": write_mot(tmp_path / "mot"),
        "pets": write_cvml(tmp_path / "pets"),
    }


def read_damaged(datasets: dict[str, Path], chance: random.Random) -> int:
    """Damage a file of a dataset, read the dataset, and mend the file; how many frames."""
    name = chance.choice(tuple(datasets))
    path = datasets[name]
    folder = path if path.is_dir() else path.parent
    file = chance.choice([one for one in sorted(folder.rglob("*")) if one.suffix in ANNOTATIONS])
    whole = file.read_bytes()
    file.write_bytes(mutated_bytes(whole, chance))
    try:
        FORMATS[name].holds(path)
        return len(FORMATS[name].read(path, Selection()).frames)
    finally:
        file.write_bytes(whole)


def test_all_are_read_as_they_are(datasets: dict[str, Path]) -> None:
    assert all(FORMATS[name].read(path, Selection()).frames for name, path in datasets.items())


def test_damaged_ones_give_people_or_our_error(datasets: dict[str, Path]) -> None:
    done = fuzz(lambda chance: read_damaged(datasets, chance), INPUTS)
    assert 0 < done.refused < INPUTS
