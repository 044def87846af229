"""Stamps: what a finished step was made from, so that an unchanged one is not done again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def fingerprint(parts: Iterable[str | Path]) -> str:
    """Hash of strings and of the files' names and contents (a folder: all files in it)."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode() + b"\0")
            continue
        for path in sorted(part.rglob("*")) if part.is_dir() else [part]:
            if path.is_file():
                digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


class Stamp:
    """One step's stamp file."""

    def __init__(self, folder: Path, name: str, parts: Iterable[str | Path]) -> None:
        self._path = folder / name
        self.value = fingerprint(parts)

    def is_current(self) -> bool:
        """True when the step was finished from the same things."""
        return self._path.is_file() and self._path.read_text() == self.value

    def write(self) -> None:
        """Note that the step is finished."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(self.value)

    def remove(self) -> None:
        """Delete the stamp, so that a failure half-way is not taken for finished."""
        self._path.unlink(missing_ok=True)
