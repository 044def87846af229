"""The promises that tests hold, with the figures they measured: out/reliability.json."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Promise:
    """name: short and unique. figure: what was measured, with its unit. test: pytest's id of the test."""

    name: str
    promise: str
    figure: str
    kept: bool
    test: str


def read_promises(path: Path) -> list[Promise]:
    """The promises of a file."""
    return [Promise(**fields) for fields in json.loads(path.read_text(encoding="utf-8"))]


class ReliabilityLog:
    """One test's part of the file, which several tests, processes too, may write at a time."""

    def __init__(self, path: Path, test: str) -> None:
        self._path, self._test = path, test
        self.recorded = False

    def forget(self) -> None:
        """Remove what this test recorded in earlier runs."""
        with self._promises() as promises:
            promises[:] = [known for known in promises if known.test != self._test]

    def write(self, name: str, promise: str, figure: str, kept: bool) -> None:
        """Record a promise; an older record of that name is replaced."""
        self.recorded = True
        made = Promise(name, promise, figure, bool(kept), self._test)
        with self._promises() as promises:
            promises[:] = sorted([*(p for p in promises if p.name != name), made], key=lambda p: p.name)

    def __call__(self, name: str, promise: str, figure: str, kept: bool) -> None:
        """Record a promise, and fail the test when it is not kept."""
        self.write(name, promise, figure, kept)
        assert kept, f"{name}: {promise}: {figure}"

    @contextmanager
    def _promises(self) -> Iterator[list[Promise]]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            text = file.read()
            promises = [Promise(**fields) for fields in json.loads(text)] if text else []
            yield promises
            file.truncate(0)
            json.dump([asdict(promise) for promise in promises], file, indent=1, ensure_ascii=False)
