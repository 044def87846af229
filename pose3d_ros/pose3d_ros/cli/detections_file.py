"""Boxes from a file instead of the detector's: {frame: [[x, y, w, h], …]}."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from pose3d_ros.errors import InputError
from pose3d_ros.records import Detection


class BoxFile:
    """The boxes of a file by frame: left and top edge, width and height, in pixels.

    Raises InputError when it can't be read or is not of that form.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise self._malformed("", "a JSON file", str(error)) from error
        if not isinstance(content, dict):
            raise self._malformed("", "an object", type(content).__name__)
        self._boxes = {name: self._detections(name, rows) for name, rows in content.items()}
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
        """The frames of the file that were not in the source: perhaps misspelt."""
        return tuple(name for name in self._boxes if name not in self._used)

    def _detections(self, name: str, rows: object) -> tuple[Detection, ...]:
        if not isinstance(rows, list):
            raise self._malformed(f", frame {name}", "a list of boxes", type(rows).__name__)
        boxes = []
        for row in rows:
            box = row if isinstance(row, list) and all(type(v) in (int, float) for v in row) else []
            if len(box) != 4 or not all(map(math.isfinite, box)) or not (box[2] > 0 and box[3] > 0):
                expected = "four finite numbers x, y, w, h with w and h above 0"
                raise self._malformed(f", frame {name}", expected, repr(row))
            x, y, width, height = box
            boxes.append(Detection(np.array([x, y, x + width, y + height], dtype=np.float64), 1.0))
        return tuple(boxes)

    def _malformed(self, where: str, expected: str, got: str) -> InputError:
        fix = (
            "Write {\"FRAME\": [[x, y, w, h], …], …}: FRAME is the image's file name or the frame's number in a video."
        )
        return InputError(f"boxes {self._path}{where}", expected=expected, got=got, fix=fix)
