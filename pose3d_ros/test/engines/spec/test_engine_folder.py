"""What becomes of a folder of models when one is put into it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pose3d_ros.engines import ManifestEntry, load_manifest
from pose3d_ros.engines.spec.engine_folder import UNKNOWN_SHA256, EngineFolder
from pose3d_ros.engines.spec.manifest import sha256_of
from pose3d_ros.errors import EngineError

MakeEntry = Callable[..., ManifestEntry]


def test_exported_model_gets_its_hash_and_difference(tmp_path: Path, adder: Path, make_entry: MakeEntry) -> None:
    file = tmp_path / "new" / "net.onnx"

    def export(path: Path) -> float:
        shutil.copyfile(adder, path)
        return 1e-6

    stored = EngineFolder(file.parent).put(make_entry(file=file, sha256=UNKNOWN_SHA256), export)
    assert stored.entry.sha256 == sha256_of(file) == sha256_of(adder)
    assert stored.difference == stored.entry.accuracy["onnx_difference_from_torch"] == 1e-6
    assert stored.changes == ()
    assert load_manifest(file.parent).for_role("pose").name == "adder"


def test_imported_model_is_copied_and_others_fill_the_other_roles_of_a_new_folder(
    tmp_path: Path, adder: Path, make_entry: MakeEntry
) -> None:
    other_file = Path(shutil.copyfile(adder, tmp_path / "other.onnx"))
    other = make_entry(name="other", roles=("smoother",), file=other_file)
    stored = EngineFolder(tmp_path / "new").take(make_entry(), [other, make_entry(name="unneeded", roles=("pose",))])
    assert {entry.name for entry in stored.manifest.entries} == {"adder", "other"}
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["adder.onnx", "manifest.yaml", "other.onnx"]
    assert stored.difference is None


def test_entries_of_the_same_role_are_replaced_and_reported(tmp_path: Path, adder: Path, make_entry: MakeEntry) -> None:
    folder = EngineFolder(tmp_path / "new")
    folder.take(make_entry())
    file = Path(shutil.copyfile(adder, tmp_path / "second.onnx"))
    stored = folder.take(make_entry(name="second", roles=("pose",), file=file))
    assert stored.changes == ("adder is no longer the pose, but still the root",)
    assert stored.manifest.for_role("root").name == "adder"
    third = Path(shutil.copyfile(adder, tmp_path / "third.onnx"))
    stored = folder.take(make_entry(name="third", roles=("root",), file=third))
    assert stored.changes == ("adder, the root before, is replaced; its file adder.onnx is left where it is",)


def test_model_that_does_not_fit_leaves_the_folder_unchanged(
    tmp_path: Path, adder: Path, make_entry: MakeEntry
) -> None:
    folder = EngineFolder(tmp_path / "new")
    folder.take(make_entry())
    before = (tmp_path / "new" / "manifest.yaml").read_text()
    clash = Path(shutil.copyfile(adder, tmp_path / "clash.onnx"))
    with pytest.raises(EngineError, match="no other model named adder"):
        folder.take(make_entry(roles=("smoother",), file=clash))
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph")
    with pytest.raises(EngineError, match="expected an ONNX graph"):
        folder.take(make_entry(name="broken", file=broken, sha256=sha256_of(broken)))
    assert (tmp_path / "new" / "manifest.yaml").read_text() == before
    assert not (tmp_path / "new" / "broken.onnx").exists()


def test_unwritable_folder_path_is_an_error(adder: Path) -> None:
    with pytest.raises(EngineError, match="a folder that can be written"):
        EngineFolder(adder / "below")
