from __future__ import annotations

import math
from pathlib import Path

import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.recording.table_files import PEOPLE_CSV, read_tables, write_tables
from pose3d_ros.evaluation.recording.tables import DetectionRow, FrameRow, PersonRow, Tables

TABLES = Tables(
    (
        PersonRow(1_700_000_000_066_666_666, 1, 0.5, 1.25, -0.5, 3.0, 7, True, 21, 80.5),
        PersonRow(2, 1, 1.0, 0.0, 0.0, 4.0),
    ),
    (DetectionRow(3, 7, 0.75, 1.0, 2.0, 3.0, math.nan, 1),),
    (FrameRow(3, True, 12.5, 2, 1, 1),),
)


def test_tables_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_tables(tmp_path, TABLES)
    assert repr(read_tables(tmp_path)) == repr(TABLES)


@pytest.mark.parametrize(
    ("old", "new"), [("visible", "seen"), ("0.5,1.25", "0.5,x"), (",21,80.5", ",21"), ("1700000000066666666", "1e3")]
)
def test_other_files_are_errors(old: str, new: str, tmp_path: Path) -> None:
    write_tables(tmp_path, TABLES)
    text = (tmp_path / PEOPLE_CSV).read_text()
    assert old in text
    (tmp_path / PEOPLE_CSV).write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=PEOPLE_CSV):
        read_tables(tmp_path)


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_tables(tmp_path)
