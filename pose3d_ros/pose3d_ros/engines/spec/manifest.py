"""Manifests: a folder of models with a file `manifest.yaml` that says what each is, does, expects and may be used for.

The package's `engines/README.md` describes every field.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import attr

from pose3d_ros.config.share_folders import share_directories
from pose3d_ros.engines.spec.entry import ROLES, ManifestEntry, Normalization, Parameter, entry_fields, read_entry
from pose3d_ros.engines.spec.graph_file import wrong_sha256
from pose3d_ros.errors import EngineError, shown
from pose3d_ros.reading.documents import fields_of, read_yaml, yaml_text
from pose3d_ros.reading.files import Origin, in_words, is_file, is_folder, open_file

__all__ = [
    "MANIFEST_NAME",
    "ROLES",
    "Manifest",
    "ManifestEntry",
    "Normalization",
    "Parameter",
    "default_manifest_dir",
    "layered",
    "load_manifest",
    "sha256_of",
    "verify_sha256",
    "write_manifest",
]

MANIFEST_NAME = "manifest.yaml"
SCHEMA = 1
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class Manifest:
    """The models of a folder.

    Attributes
    ----------
    directory : Path
        The folder.
    entries : tuple of ManifestEntry
        No two have the same name or fill the same role.
    problems : tuple of str
        Why these models and not those that were meant, a sentence each.
    """

    directory: Path
    entries: tuple[ManifestEntry, ...]
    problems: tuple[str, ...] = ()

    def has_role(self, role: str) -> bool:
        """Check whether a model fills a role.

        Parameters
        ----------
        role : str
            One of `detector`, `region_detector`, `root`, `pose`, `smoother`, `lifter`.

        Returns
        -------
        bool
            True when one does.
        """
        return any(role in entry.roles for entry in self.entries)

    def for_role(self, role: str) -> ManifestEntry:
        """Look up the model of a role.

        Parameters
        ----------
        role : str
            As in `has_role`.

        Returns
        -------
        ManifestEntry
            The only one of that role.

        Raises
        ------
        EngineError
            When the manifest has none.
        """
        for entry in self.entries:
            if role in entry.roles:
                return entry
        filled = ", ".join(r for r in ROLES if self.has_role(r)) or "no roles"
        raise EngineError(
            f"manifest {self.directory}",
            expected=f"a model of the role {role}",
            got=filled,
            fix="Add such a model to the folder, or choose another folder of models.",
        )


def load_manifest(path: str | Path) -> Manifest:
    """Read a manifest; the files' hashes are checked when they are opened.

    Parameters
    ----------
    path : str or Path
        The folder, or the YAML file in it.

    Returns
    -------
    Manifest
        Its entries in the file's order.

    Raises
    ------
    EngineError
        For a manifest that can't be read, has an unknown, missing or mistyped field, names a file that is not there,
        or has two models of one name or role.
    """
    file = Path(path) / MANIFEST_NAME if is_folder(path) else Path(path)
    origin = Origin(EngineError, f"manifest {file}", "See engines/README.md for every field of a manifest.")
    fields = fields_of(read_yaml(file, origin), origin)
    if fields.get("schema") != SCHEMA or not isinstance(fields.get("engines"), list) or len(fields) != 2:
        found = [f"{key}: {type(value).__name__} {shown(value)}"[:60] for key, value in fields.items()]
        raise origin.error(f"the keys `schema: {SCHEMA}` and `engines`, a list", ", ".join(found) or "nothing")
    engines = fields["engines"]
    items = enumerate(engines if isinstance(engines, list) else [])
    entries = tuple(read_entry(f"{file}: engines[{i}]", item, file.parent) for i, item in items)
    _check_unique(file, "name", [entry.name for entry in entries])
    _check_unique(file, "role", [role for entry in entries for role in entry.roles])
    return Manifest(file.parent, entries)


def layered(manifests: Sequence[Manifest]) -> Manifest:
    """One manifest of several: of each role the model of the first that fills it.

    Its directory is the first one's. Raises EngineError where two models that are needed have one name.
    """
    entries: list[ManifestEntry] = []
    for manifest in manifests:
        taken = {role for entry in entries for role in entry.roles}
        for entry in manifest.entries:
            if roles := tuple(role for role in entry.roles if role not in taken):
                entries.append(attr.evolve(entry, roles=roles))
    _check_unique(manifests[0].directory, "name", [entry.name for entry in entries])
    problems = tuple(problem for manifest in manifests for problem in manifest.problems)
    return Manifest(manifests[0].directory, tuple(entries), problems)


def write_manifest(directory: str | Path, entries: Sequence[ManifestEntry]) -> Manifest:
    """Write `manifest.yaml` into a folder; the old one is replaced only after the new one was read without an error.

    Returns it as it reads back. Raises EngineError as `load_manifest` does, for a file outside the folder and for one
    whose sha256 is not the entry's.
    """
    folder = Path(directory)
    for entry in entries:
        verify_sha256(entry)
    content = {"schema": SCHEMA, "engines": [entry_fields(entry, folder) for entry in entries]}
    draft = folder / (MANIFEST_NAME + ".new")
    draft.write_text(yaml_text(content), encoding="utf-8")
    try:
        manifest = load_manifest(draft)
        os.replace(draft, folder / MANIFEST_NAME)
    finally:
        draft.unlink(missing_ok=True)
    return manifest


def sha256_of(path: str | Path) -> str:
    """The sha256 of a file as 64 hexadecimal digits. Raises EngineError when it can't be read."""
    digest = hashlib.sha256()
    origin = Origin(EngineError, f"model {path}", "Check the path in the manifest.")
    with open_file(path, origin) as file:
        try:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
        except OSError as error:
            raise origin.error("a readable file", in_words(error)) from error
    return digest.hexdigest()


def verify_sha256(entry: ManifestEntry) -> None:
    """Check that an entry's file is the one that the manifest describes. Raises EngineError."""
    found = sha256_of(entry.file)
    if found != entry.sha256:
        raise wrong_sha256(entry.file, entry.name, entry.sha256, found)


def default_manifest_dir(folders: Sequence[Path] | None = None) -> Path:
    """Find the embedded models, those that come with the package.

    Parameters
    ----------
    folders : sequence of Path, optional
        Where to look, nearest first; the folders that the package's own files may be installed in unless given.

    Returns
    -------
    Path
        The first folder that has a manifest.

    Raises
    ------
    EngineError
        When none has one.
    """
    tried = [share / "engines" / "default" for share in share_directories()] if folders is None else folders
    for folder in tried:
        if is_file(folder / MANIFEST_NAME):
            return folder
    raise EngineError(
        "default models",
        expected=f"a folder with {MANIFEST_NAME}",
        got="none in " + ", ".join(str(folder) for folder in tried),
        fix="Install the package, or name a folder of models.",
    )


def _check_unique(file: Path, what: str, values: Sequence[str]) -> None:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise EngineError(
            f"manifest {file}",
            expected=f"each {what} once",
            got=", ".join(twice) + " more than once",
            fix="Keep one of them; other choices go into a folder of their own.",
        )
