"""The tables of a session as CSV: what was measured of each person and frame, for spreadsheets and comparisons."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from pose3d_ros.errors import InputError, shown
from pose3d_ros.evaluation.recording.tables import DetectionRow, FrameRow, PersonRow, Tables
from pose3d_ros.output_files import write_file
from pose3d_ros.reading.files import Origin, read_text

PEOPLE_CSV, DETECTIONS_CSV, FRAMES_CSV = "people.csv", "detections.csv", "frames.csv"
_DIGITS = 9
_MOST_BYTES = 1 << 30
_FIX = "Make it anew with `pose3d evaluate --report`."
Row = TypeVar("Row", PersonRow, DetectionRow, FrameRow)


def write_tables(folder: Path, tables: Tables) -> None:
    """Write people.csv, detections.csv and frames.csv into a folder. Raises OutputError."""
    _write(folder / PEOPLE_CSV, PersonRow, tables.people)
    _write(folder / DETECTIONS_CSV, DetectionRow, tables.detections)
    _write(folder / FRAMES_CSV, FrameRow, tables.frames)


def read_tables(folder: Path) -> Tables:
    """Read what `write_tables` wrote. Raises InputError."""
    return Tables(
        _read(folder / PEOPLE_CSV, PersonRow),
        _read(folder / DETECTIONS_CSV, DetectionRow),
        _read(folder / FRAMES_CSV, FrameRow),
    )


def _write(path: Path, kind: type[Row], rows: Sequence[Row]) -> None:
    names = [field.name for field in fields(kind)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(getattr(row, name)) for name in names] for row in rows)
    write_file(path, text.getvalue())


def _cell(value: float | int) -> str:
    """NaN is an empty cell, true is 1."""
    if math.isnan(value):
        return ""
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else f"{int(value)}"


def _read(path: Path, kind: type[Row]) -> tuple[Row, ...]:
    origin = Origin(InputError, f"table {path}", _FIX)
    names = [field.name for field in fields(kind)]
    reading: dict[str, Callable[[str], Any]] = {"int": int, "bool": lambda cell: bool(int(cell)), "float": _number}
    convert = [reading[str(field.type)] for field in fields(kind)]
    lines = csv.reader(read_text(path, origin, most_bytes=_MOST_BYTES).splitlines())
    header = next(lines, [])
    if header != names:
        raise InputError(f"table {path}", expected=f"the columns {', '.join(names)}", got=shown(header), fix=_FIX)
    rows: list[Row] = []
    for number, cells in enumerate(lines, start=2):
        try:
            rows.append(kind(*(read(cell) for read, cell in zip(convert, cells, strict=True))))
        except ValueError:
            what = f"a number for each of {len(names)} columns"
            raise InputError(f"table {path}, line {number}", expected=what, got=shown(cells), fix=_FIX) from None
    return tuple(rows)


def _number(cell: str) -> float:
    return float(cell) if cell else float("nan")
