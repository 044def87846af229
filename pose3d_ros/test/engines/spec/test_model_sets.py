"""Which models the setting `engines` names."""

from __future__ import annotations

import shutil
from pathlib import Path

import attr
import pytest

from pose3d_ros.engines.spec import model_sets
from pose3d_ros.engines.spec.manifest import (
    Manifest,
    ManifestEntry,
    default_manifest_dir,
    load_manifest,
    write_manifest,
)
from pose3d_ros.engines.spec.model_sets import open_set
from pose3d_ros.errors import EngineError

DEFAULT = load_manifest(default_manifest_dir())


def _put(models: Path, name: str, *roles: str) -> Path:
    """A set of the embedded pose model under another name, for these roles."""
    folder = models / name
    folder.mkdir(parents=True)
    source = DEFAULT.for_role("pose")
    file = shutil.copyfile(source.file, folder / "landmarks.onnx")
    write_manifest(folder, [attr.evolve(source, name=name, roles=roles or ("pose",), file=file)])
    return folder


def _names(manifest: Manifest) -> dict[str, str]:
    return {role: entry.name for entry in manifest.entries for role in entry.roles}


def test_a_set_lies_over_the_embedded_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_sets, "share_directories", lambda: (tmp_path / "nothing",))
    folder = _put(tmp_path, "mediapipe-lite")
    manifest = open_set("mediapipe-lite", tmp_path)
    assert manifest.directory == folder
    assert _names(manifest) == _names(DEFAULT) | {"pose": "mediapipe-lite"}
    assert manifest.for_role("root").roles == ("root",)  # its role pose is taken
    assert manifest.problems == ()


def test_models_for_behind_a_set_come_before_the_embedded_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = _put(tmp_path / "share/engines", "landmarks", "lifter")
    monkeypatch.setattr(model_sets, "share_directories", lambda: (tmp_path / "nothing", tmp_path / "share"))
    _put(tmp_path, "mediapipe-full")
    manifest = open_set("mediapipe-full", tmp_path)
    assert (manifest.for_role("lifter").name, manifest.for_role("lifter").file.parent) == ("landmarks", chain)
    assert open_set("embedded", tmp_path).for_role("lifter").name == DEFAULT.for_role("lifter").name


@pytest.mark.parametrize("asked", ["", "auto"])
def test_auto_prefers_full_then_heavy_then_lite(asked: str, tmp_path: Path) -> None:
    for name in ("mediapipe-lite", "mediapipe-heavy", "mediapipe-full"):
        folder = _put(tmp_path, name)
        assert open_set(asked, tmp_path).directory == folder


def test_auto_light_prefers_lite_then_full_then_heavy(tmp_path: Path) -> None:
    for name in ("mediapipe-heavy", "mediapipe-full", "mediapipe-lite"):
        folder = _put(tmp_path, name)
        assert open_set("auto-light", tmp_path).directory == folder


def test_auto_without_a_set_runs_the_embedded_models_and_says_so(tmp_path: Path) -> None:
    manifest = open_set("auto", tmp_path)
    assert _names(manifest) == _names(DEFAULT)
    (problem,) = manifest.problems
    assert f"none of mediapipe-full, mediapipe-heavy, mediapipe-lite is in {tmp_path}" in problem
    assert "`pose3d models get mediapipe`, or set engines to embedded" in problem
    assert open_set("embedded", tmp_path).problems == ()


def test_auto_passes_over_a_set_that_can_not_be_used(tmp_path: Path) -> None:
    (_put(tmp_path, "mediapipe-full") / "landmarks.onnx").unlink()
    (problem,) = open_set("auto", tmp_path).problems
    assert "mediapipe-full can't be used" in problem
    assert "no such file" in problem
    _put(tmp_path, "mediapipe-lite")
    manifest = open_set("auto", tmp_path)
    assert manifest.directory.name == "mediapipe-lite"


def test_a_named_set_that_is_not_there_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(
        EngineError, match=r"engines mediapipe-heavy: .* got none\. Run `pose3d models get mediapipe --size h"
    ):
        open_set("mediapipe-heavy", tmp_path)


def test_a_misspelled_name_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EngineError, match=r"engines: expected auto, auto-light, embedded, .* got 'mediapipe-ful'"):
        open_set("mediapipe-ful", tmp_path)


def test_a_folder_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _put(tmp_path, "own", "pose", "root")
    assert _names(open_set(str(folder), tmp_path)) == {"pose": "own", "root": "own"}
    monkeypatch.chdir(tmp_path)
    assert open_set("own", tmp_path / "none").directory == Path("own")


def test_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    taken: ManifestEntry = DEFAULT.for_role("detector")
    _put(tmp_path, taken.name)
    shutil.move(tmp_path / taken.name, tmp_path / "mediapipe-full")
    with pytest.raises(EngineError, match=f"each name once, got {taken.name}"):
        open_set("mediapipe-full", tmp_path)
