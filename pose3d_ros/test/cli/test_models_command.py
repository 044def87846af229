"""`pose3d models` as a user sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pose3d_ros.engines.mediapipe import model_set

from ..engines.mediapipe.conftest import archive, detector_file, landmark_file, npm_package, released, wheel

__all__ = ["npm_package", "released", "wheel"]  # fixtures

Pose3d = Callable[..., str]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models, still without any; nothing is downloaded."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("download_wheel", "download_npm_package"):
        monkeypatch.setattr(model_set, name, lambda folder: pytest.fail("downloads"))
    return tmp_path / "data/pose3d_ros/models"


def test_get_from_a_wheel_then_nothing_is_left_to_do(pose3d: Pose3d, models: Path, wheel: Path) -> None:
    printed = pose3d("models", "get", "mediapipe", "--from", wheel)
    assert f"written:  {models}/mediapipe-full" in printed
    assert "license:  Apache-2.0; see LICENSE and NOTICE there" in printed
    assert "used by:  engines: mediapipe-full, auto" in printed
    before = (models / "mediapipe-full/manifest.yaml").stat().st_mtime_ns
    for again in ((), ("--from", wheel), ("--size", "full")):
        assert pose3d("models", "get", "mediapipe", *again) == f"there already: {models}/mediapipe-full\n"
    assert (models / "mediapipe-full/manifest.yaml").stat().st_mtime_ns == before


def test_get_from_two_files(pose3d: Pose3d, models: Path, wheel: Path, npm_package: Path) -> None:
    pose3d("models", "get", "mediapipe", "--size", "heavy", "--from", wheel, "--from", npm_package)
    assert [path.name for path in models.iterdir()] == ["mediapipe-heavy"]


def test_get_from_a_task_of_another_version_says_so(
    pose3d: Pose3d, models: Path, released: Mapping[str, bytes], tmp_path: Path
) -> None:
    members = {"pose_detector.tflite": released["detector"], "pose_landmarks_detector.tflite": landmark_file(8)}
    task = archive(tmp_path / "pose_landmarker_lite.task", members)
    printed = pose3d("models", "get", "mediapipe", "--from", task)
    assert "note:     the lite in pose_landmarker_lite.task is not the released file; its sha256 is" in printed
    assert "used by:  engines: mediapipe-lite, auto" in printed
    assert pose3d("models", "get", "mediapipe", "--from", task).startswith("there already")


def test_another_size_than_the_files_is_refused(pose3d: Pose3d, models: Path, wheel: Path) -> None:
    printed = pose3d("models", "get", "mediapipe", "--size", "lite", "--from", wheel, code=2)
    assert printed.startswith("pose3d models: --from: expected a file with lite, got full.")
    assert not models.exists()


def test_an_unusable_file_leaves_no_folder(pose3d: Pose3d, models: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tflite"
    other.write_bytes(detector_file(5))
    assert "got other.tflite (sha256 " in pose3d("models", "get", "mediapipe", "--from", other, code=2)
    assert not models.exists()


def test_without_onnx_the_packages_are_named(pose3d: Pose3d, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pose3d_ros.engines.mediapipe.model_set", None)
    printed = pose3d("models", "get", "mediapipe", code=2)
    assert "pip install onnx onnxruntime tflite" in printed


def test_list_says_what_auto_takes_and_how_to_get_the_others(pose3d: Pose3d, models: Path, wheel: Path) -> None:
    def rows() -> dict[str, str]:
        lines = [line.split(maxsplit=1) for line in pose3d("models", "list").splitlines() if line.startswith("  ")]
        return {line[0]: line[1].strip() for line in lines}

    assert rows()["embedded"].startswith("engines: auto")
    assert rows()["mediapipe-heavy"] == "not there: pose3d models get mediapipe --size heavy"
    pose3d("models", "get", "mediapipe", "--from", wheel)
    assert rows()["mediapipe-full"].startswith("engines: auto")
    assert rows()["embedded"].startswith("there")
    (models / "mediapipe-full/landmarks.onnx").unlink()
    assert rows()["mediapipe-full"] == "can't be used: no such file"
