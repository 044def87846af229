"""Log of a training run: log.jsonl, a line on the console, TensorBoard's events, curves.png."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pose3d_ros.errors import ConfigError
from pose3d_ros.reading.documents import parse_json
from pose3d_ros.reading.files import Origin, is_there, read_text
from pose3d_ros.reading.numbers import is_number
from pose3d_training.loop.curves import write_curves

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_MOST_LOG_BYTES = 64 << 20
_NOT_PRINTED = ("step", "samples", "samples_per_s", "learning_rate")
"""Columns that the console's line has in another form or not at all."""


class Logbook:
    """The log of one run, in its folder. Nothing is written before the first `add`."""

    def __init__(self, folder: Path, title: str, steps: int) -> None:
        self._folder, self._title, self._steps = folder, title, steps
        self._events: SummaryWriter | None = None
        self._opened = False

    def add(self, row: Mapping[str, float]) -> None:
        """Log one row: step, samples, samples_per_s, learning_rate and the task's own columns."""
        with (self._folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(dict(row)) + "\n")
        printed = "  ".join(f"{k} {v:.4g}" for k, v in row.items() if k not in _NOT_PRINTED)
        print(f"{self._title} {row['step']}/{self._steps}  {row['samples_per_s']:.0f}/s  {printed}", flush=True)
        self._add_events(row)

    def draw(self) -> None:
        """Bring curves.png up to date and hand on the events."""
        write_curves(read_log(self._folder / "log.jsonl"), self._folder / "curves.png", self._title)
        if self._events is not None:
            self._events.flush()

    def close(self) -> None:
        """End the events' file."""
        if self._events is not None:
            self._events.close()
            self._events = None

    def _add_events(self, row: Mapping[str, float]) -> None:
        samples = int(row["samples"])
        if not self._opened:
            self._opened, self._events = True, _open_events(self._folder, samples)
        if self._events is not None:
            for name in row.keys() - {"step", "samples"}:
                self._events.add_scalar(name, row[name], samples)


def read_log(path: Path) -> list[dict[str, float]]:
    """The rows of a log.jsonl, without what a stopped run had logged after the checkpoint it went on from.

    A line that a stop cut short, or that is no row of numbers, is left out. A missing file has no rows. Raises
    ConfigError for one that can't be read.
    """
    rows: list[dict[str, float]] = []
    origin = Origin(ConfigError, f"log {path}", "Move it away; a new one is begun.")
    text = read_text(path, origin, most_bytes=_MOST_LOG_BYTES) if is_there(path) else ""
    for line in text.splitlines():
        try:
            row = parse_json(line, origin)
        except ConfigError:
            continue
        if not isinstance(row, dict) or not all(map(is_number, row.values())) or "samples" not in row:
            continue
        while rows and rows[-1]["samples"] >= row["samples"]:
            rows.pop()
        rows.append(row)
    return rows


def _open_events(folder: Path, samples: int) -> SummaryWriter | None:
    """TensorBoard's writer into the run's folder, where the package is installed; older events from there on lapse."""
    if importlib.util.find_spec("tensorboard") is None:
        print("no events for TensorBoard: it is not installed (pip install tensorboard)", flush=True)
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=samples)
