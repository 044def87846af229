"""CVML's XML of boxes and identities (dataset, frame, objectlist, object), as that of PETS 2009 is."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pose3d_ros.errors import InputError, shown
from pose3d_ros.evaluation.datasets.boxed_people import (
    FARTHEST,
    MOST_FRAMES,
    BoxRow,
    Images,
    boxed_sequence,
    with_calibration,
)
from pose3d_ros.evaluation.datasets.ground_truth import Dataset, Selection, checked_dataset
from pose3d_ros.reading.files import Origin, read_bytes, read_ends
from pose3d_ros.reading.numbers import is_whole, number_in, whole_in

NAME = "pets"
_MOST_BYTES = 1 << 28
_SNIFFED_BYTES = 1 << 16
_RATE_HZ = 7.0
"""Of PETS 2009."""
_FIX = 'Write <frame number="0"><objectlist><object id="1"><box h="" w="" xc="" yc=""/></object></objectlist></frame>.'


def is_cvml(path: Path) -> bool:
    """Whether a path is such a file."""
    if path.suffix.lower() != ".xml" or not path.is_file():
        return False
    start = read_ends(path, _origin(path), _SNIFFED_BYTES)
    return b"<frame" in start and b"<object" in start


def read_cvml(path: Path, selection: Selection) -> Dataset:
    """Read the people of a file. A Tsai calibration `View_001.xml` or `calibration.xml` beside it places them.

    Raises InputError.
    """
    rows = list(_rows(path))
    first = min((row.frame for row in rows), default=0)
    placed = with_calibration(selection, (path.with_name(one) for one in ("View_001.xml", "calibration.xml")))
    images = Images.at(selection.images, first)
    sequence = boxed_sequence(path.stem, 1, rows, images, _RATE_HZ, placed)
    return checked_dataset(path, NAME, [sequence] if selection.has_sequence(path.stem) else [], selection)


def _rows(path: Path) -> Iterator[BoxRow]:
    origin = _origin(path)
    try:
        root = ET.fromstring(read_bytes(path, origin, most_bytes=_MOST_BYTES))
    except ET.ParseError as error:
        line, column = error.position
        raise origin.error("readable XML", f"a mistake in line {line}, column {column}") from error
    for frame in root.iter("frame"):
        number = whole_in(frame.get("number", ""))
        for person in frame.iter("object"):
            track_id, box = whole_in(person.get("id", "")), person.find("box")
            found = {} if box is None else box.attrib
            sides = {key: number_in(found.get(key, "")) for key in ("xc", "yc", "w", "h")}
            known = [value for value in sides.values() if value is not None]
            is_box = len(known) == len(sides) and min(known[2:]) > 0 and max(map(abs, known)) <= FARTHEST
            if not (is_box and is_whole(number, 0, MOST_FRAMES) and is_whole(track_id, 0, int(FARTHEST))):
                raise origin.error("a number of the frame, an id and a box", shown(found), f", frame {number}")
            x, y, width, height = known
            box_px = np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
            yield BoxRow(number, track_id, box_px)


def _origin(path: Path) -> Origin:
    return Origin(InputError, f"CVML boxes {path}", _FIX)
