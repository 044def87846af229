"""The folder that imported models go to: entries of the same role give way, the others stay."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import attr

from pose3d_ros.engines.factory import BackendChoice, open_engine
from pose3d_ros.engines.failures import library_errors
from pose3d_ros.engines.spec.manifest import (
    MANIFEST_NAME,
    Manifest,
    ManifestEntry,
    load_manifest,
    sha256_of,
    write_manifest,
)
from pose3d_ros.errors import EngineError
from pose3d_ros.reading.files import is_there

UNKNOWN_SHA256 = "0" * 64
"""Of a file that `EngineFolder.put` is yet to export."""
_CPU = BackendChoice("onnxruntime", "a look at the copy")


@dataclass(frozen=True)
class StoredModel:
    """A model that now is in its folder.

    difference: the largest between torch and ONNX Runtime, relative; None for a file that came as it is. changes: what
    became of other entries, a sentence each. manifest: the folder's now.
    """

    entry: ManifestEntry
    difference: float | None
    changes: tuple[str, ...]
    manifest: Manifest


class EngineFolder:
    """A folder to put models into, made if it is not there.

    Raises EngineError when it can't be written or has a manifest that can't be read.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with self._writing():
            directory.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=directory).close()
        there = is_there(directory / MANIFEST_NAME)
        self._entries = load_manifest(directory).entries if there else ()

    @property
    def manifest(self) -> Manifest | None:
        """What is there already; None in a folder without models."""
        return Manifest(self.directory, self._entries) if self._entries else None

    def put(self, entry: ManifestEntry, export: Callable[[Path], float]) -> StoredModel:
        """Export to the entry's file and write the manifest; the entry's sha256 and difference are filled in here.

        Raises EngineError when another role's entry has that name or file, and for what `export` finds wrong; the
        manifest and the models in it are then as they were.
        """
        kept, changes = _room_for(self._entries, entry)
        with self._writing():
            difference = export(entry.file)
            accuracy = {"onnx_difference_from_torch": difference}
            done = attr.evolve(entry, sha256=sha256_of(entry.file), accuracy=accuracy)
        return self._written(kept, done, difference, changes)

    def take(self, entry: ManifestEntry, others: Sequence[ManifestEntry] = (), *, renamed: bool = False) -> StoredModel:
        """Copy the entry's file here and write the manifest.

        others: fill the other roles of a folder without models; their files are copied too. renamed: give the entry
        and its file another name where one that stays has it, as exporters call all that they write `end2end.onnx`.
        Raises EngineError as `put`, for a copy that can't be opened, and where an other's file would replace one that
        no manifest knows.
        """
        new = [] if self._entries else [one for one in others if not set(one.roles) <= set(entry.roles)]
        here, *there = (attr.evolve(one, file=self.directory / one.file.name) for one in (entry, *new))
        if renamed:
            here = self._free_name(here, entry.file, _make_way((*self._entries, *there), here)[0])
        kept, changes = _room_for((*self._entries, *there), here)
        with self._writing():
            _check_unknown(there)
            self._copy(list(zip((entry.file, *(one.file for one in new)), (here, *there), strict=True)))
        return self._written(kept, here, None, changes)

    def _free_name(self, here: ManifestEntry, source: Path, kept: Sequence[ManifestEntry]) -> ManifestEntry:
        """The entry under a name and with a file that no entry to stay has, nor a file that no manifest knows."""
        known = {old.file.resolve() for old in self._entries}
        for number in range(100):
            ending = "" if not number else f"-{here.roles[0]}" if number == 1 else f"-{here.roles[0]}-{number}"
            file = here.file.with_stem(here.file.stem + ending)
            one = attr.evolve(here, name=here.name + ending, file=file)
            stranger = is_there(file) and file.resolve() not in known and file.resolve() != source.resolve()
            stranger = stranger and sha256_of(file) != here.sha256
            if not stranger and not _taken(kept, one):
                return one
        return here

    def _writing(self) -> AbstractContextManager[None]:
        """A failed write inside becomes an EngineError."""
        return library_errors(
            f"folder {self.directory}",
            expected="a folder that can be written",
            fix="Choose another --output, or make room there.",
            kinds=OSError,
        )

    def _copy(self, wanted: Sequence[tuple[Path, ManifestEntry]]) -> None:
        """All of the files or none: what is wrong with a copy is found before it takes its place."""
        with tempfile.TemporaryDirectory(dir=self.directory) as drafts:
            there = [(source, entry) for source, entry in wanted if source.resolve() != entry.file.resolve()]
            copies = [attr.evolve(entry, file=Path(drafts, entry.file.name)) for _, entry in there]
            for (source, _), copy in zip(there, copies, strict=True):
                shutil.copyfile(source, copy.file)
                open_engine(copy, _CPU).close()
            for copy in copies:
                os.replace(copy.file, self.directory / copy.file.name)

    def _written(
        self, kept: list[ManifestEntry], entry: ManifestEntry, difference: float | None, changes: list[str]
    ) -> StoredModel:
        with self._writing():
            manifest = write_manifest(self.directory, [*kept, entry])
        self._entries = manifest.entries
        return StoredModel(manifest.for_role(entry.roles[0]), difference, tuple(changes), manifest)


def _room_for(entries: tuple[ManifestEntry, ...], entry: ManifestEntry) -> tuple[list[ManifestEntry], list[str]]:
    kept, changes = _make_way(entries, entry)
    _check_free(kept, entry)
    return kept, changes


def _make_way(entries: tuple[ManifestEntry, ...], entry: ManifestEntry) -> tuple[list[ManifestEntry], list[str]]:
    kept, changes = [], []
    for old in entries:
        taken = [role for role in old.roles if role in entry.roles]
        rest = tuple(role for role in old.roles if role not in entry.roles)
        if rest:
            kept.append(attr.evolve(old, roles=rest))
        if taken and rest:
            changes.append(f"{old.name} is no longer the {', '.join(taken)}, but still the {', '.join(rest)}")
        elif taken:
            left = "" if old.file == entry.file else f"; its file {old.file.name} is left where it is"
            changes.append(f"{old.name}, the {', '.join(taken)} before, is replaced{left}")
    return kept, changes


def _taken(kept: Sequence[ManifestEntry], entry: ManifestEntry) -> ManifestEntry | None:
    """The one of the entries that stay which has the entry's name or file."""
    same = (one for one in kept if one.name == entry.name or one.file.resolve() == entry.file.resolve())
    return next(same, None)


def _check_free(kept: list[ManifestEntry], entry: ManifestEntry) -> None:
    if other := _taken(kept, entry):
        raise EngineError(
            f"manifest of {entry.file.parent}",
            expected=f"no other model named {entry.name} and no other of the file {entry.file.name}",
            got=f"{other.name}, the {', '.join(other.roles)}",
            fix="Give another --name, rename that one in the manifest, or choose another --output.",
        )


def _check_unknown(entries: Sequence[ManifestEntry]) -> None:
    for entry in entries:
        if is_there(entry.file) and sha256_of(entry.file) != entry.sha256:
            raise EngineError(
                f"folder {entry.file.parent}",
                expected=f"room for {entry.file.name} of {entry.name}",
                got="another file of that name",
                fix="Rename it, or choose another --output.",
            )
