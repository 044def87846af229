"""Where MediaPipe's files come from, and what is said where they do not."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hostile_inputs import hostile_paths
from pose3d_ros.engines.mediapipe import model_sources
from pose3d_ros.engines.mediapipe.model_sources import download_npm_package, download_wheel, files_in
from pose3d_ros.errors import EngineError

from .conftest import archive, detector_file, landmark_file


def test_packages_hold_the_models_among_others(wheel: Path, npm_package: Path, released: Mapping[str, bytes]) -> None:
    found = files_in(wheel, "mediapipe==0.10.21")
    assert set(found) == {"detector", "full"}
    assert found["full"].content == released["full"]
    assert (found["full"].is_released, found["full"].origin) == (True, "mediapipe==0.10.21")
    assert set(files_in(npm_package)) == {"lite", "full", "heavy"}


def test_one_tflite_file_is_a_model_also_with_an_archive_behind_it(
    released: Mapping[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = archive(tmp_path / "labels.zip", {"labels.txt": b"person"}).read_bytes()
    content = released["detector"] + packed  # as TFLite's metadata writer adds files
    with_labels = model_sources.ModelFile("detector", content, "")
    monkeypatch.setitem(model_sources._KINDS, with_labels.sha256, "detector")
    path = tmp_path / "pose_detection.tflite"
    path.write_bytes(content)
    assert set(files_in(path)) == {"detector"}


def test_a_task_file_may_hold_other_versions(released: Mapping[str, bytes], tmp_path: Path) -> None:
    members = {"pose_detector.tflite": detector_file(7), "pose_landmarks_detector.tflite": landmark_file(7)}
    found = files_in(archive(tmp_path / "pose_landmarker_lite.task", members))
    assert {kind: file.is_released for kind, file in found.items()} == {"detector": False, "lite": False}
    assert found["lite"].origin == "pose_landmarker_lite.task"


def test_a_damaged_or_another_file_is_named_with_its_sha256(released: Mapping[str, bytes], tmp_path: Path) -> None:
    damaged = released["full"][:-1] + b"!"
    wheel = archive(tmp_path / "mediapipe.whl", {"mediapipe/pose_landmark_full.tflite": damaged})
    sha256 = model_sources.ModelFile("full", damaged, "").sha256[:12]
    with pytest.raises(EngineError, match=rf"got mediapipe/pose_landmark_full\.tflite \(sha256 {sha256}…\)"):
        files_in(wheel)
    with pytest.raises(
        EngineError, match=r"expected a model file of mediapipe==0\.10\.21 .* got no \.tflite file in it"
    ):
        files_in(archive(tmp_path / "empty.whl", {"README": b""}))


def test_devices_and_bombs_are_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, got in ((Path("/dev/zero"), "a device"), (tmp_path / "pipe", "a pipe")):
        with pytest.raises(EngineError, match=f"got {got}"):
            files_in(path)
    with zipfile.ZipFile(tmp_path / "bomb.whl", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.tflite", bytes(3 << 20))
    (tmp_path / "bomb.tgz").write_bytes(gzip.compress(bytes(3 << 20)))
    monkeypatch.setattr(model_sources, "_MOST_BYTES", 1 << 20)
    for name in ("bomb.whl", "bomb.tgz"):
        with pytest.raises(EngineError, match="an archive of more than 1 MiB"):
            files_in(tmp_path / name)


def test_missing_and_truncated_files_are_named(wheel: Path, npm_package: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"file .*none\.task: expected a readable file, got no such file"):
        files_in(tmp_path / "none.task")
    half = tmp_path / "half.tgz"
    half.write_bytes(npm_package.read_bytes()[:-900])
    with pytest.raises(EngineError, match=r"half\.tgz: expected a whole archive"):
        files_in(half)
    half.write_bytes(wheel.read_bytes()[:-30])  # without its table of contents it is no archive at all
    with pytest.raises(EngineError, match=r"half\.tgz"):
        files_in(half)


def test_pip_takes_the_command_and_what_it_finds_is_the_wheel(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    index.mkdir()
    name = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"
    about = {"mediapipe-0.10.21.dist-info/METADATA": b"Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.21\n"}
    about["mediapipe-0.10.21.dist-info/WHEEL"] = b"Wheel-Version: 1.0\nTag: cp311-cp311-manylinux_2_28_x86_64\n"
    about["mediapipe-0.10.21.dist-info/RECORD"] = b""
    archive(index / name, about)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    folder = tmp_path / "new"
    folder.mkdir()
    assert download_wheel(folder) == folder / name


def test_pip_without_an_index_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(
        EngineError, match=r"download of mediapipe==0\.10\.21: .* --from FILE\. Without it the embedded"
    ):
        download_wheel(tmp_path)


@pytest.mark.parametrize(
    ("stderr", "message"),
    [
        ("WARNING: Retrying (Retry(total=0, …\nERROR: Could not find a version", "got no connection to its registry"),
        ("npm error code E404\nnpm error 404 Not Found", "got npm error code E404"),
        ("npm error code ENOTFOUND\n", "got no connection to its registry"),
        ("", "got no file"),
    ],
)
def test_reason_of_a_failed_download(
    stderr: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed(command: Any, **_: Any) -> Any:
        return subprocess.CompletedProcess(command, 1, "", stderr)

    monkeypatch.setattr(subprocess, "run", failed)
    with pytest.raises(EngineError, match=message):
        download_wheel(tmp_path)


def test_without_pip_or_npm_a_file_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"got no pip in this Python\. Get its \.whl file"):
        download_wheel(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(EngineError, match=r"got no npm on this machine\. Get its \.tgz file"):
        download_npm_package(tmp_path)


def test_npm_packs_into_the_folder(npm_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text(f'#!/bin/sh\n[ "$1" = pack ] && cp {npm_package} "$5" && basename {npm_package}\n')
    npm.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(npm))
    folder = tmp_path / "new"
    folder.mkdir()
    assert download_npm_package(folder) == folder / npm_package.name


def test_what_is_no_file_is_an_error_and_archives_are_not_inflated_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, path in hostile_paths(tmp_path).items():
        if name not in ("latin", "picture", "not UTF-8"):
            with pytest.raises(EngineError, match=r"expected a (readable )?file"):
                files_in(Path(path))
    with zipfile.ZipFile(tmp_path / "bomb.task", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pose_detector.tflite", bytes(2 << 20))
    monkeypatch.setattr("pose3d_ros.engines.mediapipe.model_sources._MOST_BYTES", 1 << 20)
    with pytest.raises(EngineError, match="1 MiB"):
        files_in(tmp_path / "bomb.task")
