"""The models that the setting `engines` names: a folder, the embedded ones, a set that the user got, or `auto`."""

from __future__ import annotations

from pathlib import Path

from pose3d_ros.config.share_folders import share_directories, user_models_directory
from pose3d_ros.engines.spec.manifest import MANIFEST_NAME, Manifest, default_manifest_dir, layered, load_manifest
from pose3d_ros.errors import EngineError, shown
from pose3d_ros.reading.files import is_file, is_there

AUTO, AUTO_LIGHT, EMBEDDED = "auto", "auto-light", "embedded"
GET_COMMAND = "pose3d models get mediapipe"
USER_SETS = ("mediapipe-full", "mediapipe-heavy", "mediapipe-lite")
"""Names of the sets that a user may get, in the order in which `auto` takes them."""
_LIGHT_FIRST = ("mediapipe-lite", "mediapipe-full", "mediapipe-heavy")
"""The order of `auto-light`: by what they cost."""
_CHAIN_FOLDER = "landmarks"
"""Embedded models for behind a user's set."""


def open_set(name: str, models: Path | None = None) -> Manifest:
    """The manifest of the models to use.

    A user's set has the embedded models below it, for the roles that it leaves.

    name: `auto` (or nothing), `auto-light`, `embedded`, one of USER_SETS, or a folder. models: the folder of the user's
    sets, XDG's unless given. Raises EngineError for a folder or a named set that is not there or can't be used; both
    `auto` fall back to the embedded models, and the manifest's `problems` say why.
    """
    folder = user_models_directory() if models is None else models
    if name in ("", AUTO):
        return _best(folder)
    if name == AUTO_LIGHT:
        return _best(folder, _LIGHT_FIRST)
    if name == EMBEDDED:
        return load_manifest(default_manifest_dir())
    if name in USER_SETS:
        return _user_set(name, folder)
    if not is_there(name) and Path(name).name == name:
        raise EngineError(
            "engines",
            expected=f"{AUTO}, {AUTO_LIGHT}, {EMBEDDED}, {', '.join(USER_SETS)}, or a folder with a {MANIFEST_NAME}",
            got=shown(name),
            fix="Correct the name, or the path.",
        )
    return load_manifest(name)


def _best(models: Path, order: tuple[str, ...] = USER_SETS) -> Manifest:
    """The first of the user's sets that can be used, else the embedded models."""
    wrong = []
    for name in (one for one in order if is_there(models / one)):
        try:
            return _user_set(name, models)
        except EngineError as error:
            wrong.append(f"{name} can't be used ({error.subject}: {error.got})")
    why = "; ".join(wrong) or f"none of {', '.join(USER_SETS)} is in {models}"
    embedded = load_manifest(default_manifest_dir())
    text = (
        f"engines: auto runs the embedded models, which have seen rendered people only: {why}. "
        f"Run `{GET_COMMAND}`, or set engines to embedded."
    )
    return Manifest(embedded.directory, embedded.entries, (text,))


def _user_set(name: str, models: Path) -> Manifest:
    folder = models / name
    if not is_file(folder / MANIFEST_NAME):
        size = name.removeprefix("mediapipe-")
        raise EngineError(
            f"engines {name}", expected=f"models in {folder}", got="none", fix=f"Run `{GET_COMMAND} --size {size}`."
        )
    below = [share / "engines" / _CHAIN_FOLDER for share in share_directories()]
    chain = [load_manifest(one) for one in below if is_file(one / MANIFEST_NAME)][:1]
    return layered([load_manifest(folder), *chain, load_manifest(default_manifest_dir())])
