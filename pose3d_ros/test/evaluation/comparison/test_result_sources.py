from __future__ import annotations

from pathlib import Path

import pytest

from pose3d_ros.errors import BagError, InputError
from pose3d_ros.evaluation.comparison.result_sources import read_results
from pose3d_ros.evaluation.recording.table_files import write_tables
from pose3d_ros.evaluation.recording.tables import Tables

EMPTY = Tables((), (), ())


def test_folder_of_tables_or_of_folders_of_tables(tmp_path: Path) -> None:
    for name in ("x", "y"):
        write_tables(tmp_path / name, EMPTY)
    assert read_results(tmp_path / "x", Path()) == {"": EMPTY}
    assert read_results(tmp_path / "x" / "people.csv", Path()) == {"": EMPTY}
    assert read_results(tmp_path, Path()) == {"x": EMPTY, "y": EMPTY}


def test_anything_else_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"people\.csv"):
        read_results(tmp_path, Path())
    with pytest.raises(BagError):
        read_results(tmp_path / "results.mcap", tmp_path / "recording.mcap")
