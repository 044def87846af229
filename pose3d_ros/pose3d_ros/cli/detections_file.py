"""Boxes from a file instead of the detector's: {frame: [[x, y, w, h], …]}."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pose3d_ros.errors import InputError
from pose3d_ros.records import Detection

_FIX = "Write {\"FRAME\": [[x, y, w, h], …], …}: FRAME is the image's file name or the frame's number in a video."


class BoxFile:
    """The boxes of a file by frame: left and top edge, width and height, in pixels.

    Raises InputError when it can't be read or is not of that form.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._boxes = {name: self._detections(name, rows) for name, rows in self._load().items()}
        self._used: set[str] = set()

    def of_frame(self, name: str | int, number: int) -> tuple[Detection, ...]:
        """A frame's boxes, by its name, its name without suffix, or its number; none for one not in the file."""
        for key in (str(name), Path(str(name)).stem, str(number)):
            if key in self._boxes:
                self._used.add(key)
                return self._boxes[key]
        return ()

    @property
    def unused(self) -> tuple[str, ...]:
        """The frames of the file that nobody asked for: perhaps misspelt."""
        return tuple(name for name in self._boxes if name not in self._used)

    def _load(self) -> Mapping[str, object]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"boxes {self._path}", expected="a JSON file", got=str(error), fix=_FIX) from error
        if not isinstance(content, dict):
            raise InputError(f"boxes {self._path}", expected="an object", got=type(content).__name__, fix=_FIX)
        return content

    def _detections(self, name: str, rows: object) -> tuple[Detection, ...]:
        if not isinstance(rows, list):
            raise InputError(
                f"boxes {self._path}, frame {name}", expected="a list of boxes", got=type(rows).__name__, fix=_FIX
            )
        return tuple(self._detection(name, row) for row in rows)

    def _detection(self, name: str, row: object) -> Detection:
        numbers = row if isinstance(row, list) else []
        whole = all(isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in numbers)
        if len(numbers) != 4 or not whole or not (numbers[2] > 0 and numbers[3] > 0):
            raise InputError(
                f"boxes {self._path}, frame {name}",
                expected="four finite numbers x, y, w, h with w and h above 0",
                got=repr(row),
                fix=_FIX,
            )
        x, y, width, height = (float(v) for v in numbers)
        return Detection(np.array([x, y, x + width, y + height]), 1.0)
