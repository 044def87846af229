"""Text files of the MOT challenge: a sequence's folder with gt/gt.txt, seqinfo.ini and img1, or the text file alone."""

from __future__ import annotations

import configparser
from collections.abc import Sequence
from pathlib import Path

from pose3d_ros.errors import InputError, shown
from pose3d_ros.evaluation.datasets.boxed_people import (
    FARTHEST,
    MOST_FRAMES,
    BoxRow,
    Images,
    boxed_sequence,
    with_calibration,
)
from pose3d_ros.evaluation.datasets.ground_truth import Dataset, Selection, checked_dataset, xywh_to_xyxy
from pose3d_ros.reading.files import Origin, is_file, read_text
from pose3d_ros.reading.numbers import number_in

NAME = "mot"
_MOST_BYTES = 1 << 30
_FIX = "Write lines of frame, id, left, top, width, height, confidence, class, visibility."
_RATE_HZ, _RATES_HZ = 30.0, (0.01, 10_000.0)
_PEDESTRIAN = 1.0


def is_mot(path: Path) -> bool:
    """Whether a path is such a text file, a sequence's folder, or a folder of these."""
    return bool(_files(path))


def read_mot(path: Path, selection: Selection) -> Dataset:
    """Read the people of each sequence: class 1 where the file has classes, confidence not 0, as the challenge does.

    Boxes count from 1. A Tsai calibration `calibration.xml` beside the file places people on the floor.
    Raises InputError.
    """
    sequences = []
    for index, file in enumerate(_files(path), 1):
        folder = file.parent.parent if file.parent.name == "gt" else file.parent
        name = folder.name if file.name == "gt.txt" else file.stem
        if selection.has_sequence(name):
            images = Images.at(selection.images or (folder / "img1" if (folder / "img1").is_dir() else None))
            placed = with_calibration(selection, (folder / one for one in ("calibration.xml", "gt/calibration.xml")))
            sequences.append(boxed_sequence(name, index, read_rows(file), images, _rate_hz(folder), placed))
    return checked_dataset(path, NAME, sequences, selection)


def read_rows(file: Path) -> list[BoxRow]:
    """The people of a text file. Raises InputError."""
    origin = Origin(InputError, f"MOT boxes {file}", _FIX)
    text = read_text(file, origin, most_bytes=_MOST_BYTES)
    rows = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    return [row for number, line in rows if (row := _row(line, number, origin)) is not None]


def _row(line: str, number: int, origin: Origin) -> BoxRow | None:
    values = [number_in(part.strip()) for part in line.split(",")]
    wanted = [value for value in values if value is not None]
    right = len(wanted) == len(values) >= 6 and 0 <= wanted[0] <= MOST_FRAMES and min(wanted[4:6]) > 0
    if not right or max(map(abs, wanted)) > FARTHEST:
        raise origin.error("six numbers or more", shown(line), f", line {number}")
    # Of the gt.txt of MOT16 and later: confidence (0: not counted), class, visibility. Elsewhere: confidence, x, y, z.
    has_class = len(wanted) == 9
    if (len(wanted) > 6 and wanted[6] == 0) or (has_class and wanted[7] != _PEDESTRIAN):
        return None
    box = xywh_to_xyxy(wanted[2:6]) - 1.0
    return BoxRow(int(wanted[0]), int(wanted[1]), box, wanted[8] if has_class else 1.0)


def text_of(rows: Sequence[BoxRow]) -> str:
    """Lines as the gt.txt of MOT16 and later has them."""
    lines = []
    for row in sorted(rows, key=lambda one: (one.frame, one.track_id)):
        x0, y0, x1, y1 = row.box_xyxy_px
        numbers = (x0 + 1, y0 + 1, x1 - x0, y1 - y0)
        lines.append(f"{row.frame},{row.track_id},{','.join(f'{v:.2f}' for v in numbers)},1,1,{row.visible:.2f}")
    return "".join(f"{line}\n" for line in lines)


def _files(path: Path) -> list[Path]:
    if is_file(path):
        return [path] if path.suffix.lower() == ".txt" and _looks_right(path) else []
    direct = [file for file in (path / "gt/gt.txt", path / "gt.txt") if is_file(file)]
    return direct[:1] or sorted(path.glob("*/gt/gt.txt"))


def _looks_right(path: Path) -> bool:
    with path.open("rb") as file:
        parts = file.readline(400).decode(errors="replace").split(",")
    return len(parts) >= 6 and all(number_in(part.strip()) is not None for part in parts)


def _rate_hz(folder: Path) -> float:
    info = configparser.ConfigParser()
    try:
        info.read(folder / "seqinfo.ini", encoding="utf-8")
        rate_hz = info.getfloat("Sequence", "frameRate", fallback=_RATE_HZ)
    except (configparser.Error, ValueError, OSError) as error:
        subject, fix = f"MOT sequence {folder / 'seqinfo.ini'}", "Write frameRate=30 in its section [Sequence]."
        raise InputError(subject, expected="a frame rate", got="other content", fix=fix) from error
    return rate_hz if _RATES_HZ[0] <= rate_hz <= _RATES_HZ[1] else _RATE_HZ
