from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from .conftest import Pose3d


@pytest.fixture
def recordings(recording: Path, tmp_path: Path) -> Path:
    """A folder with two recordings and a broken one."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name in ("a.mcap", "b.mcap"):
        shutil.copy(recording, folder / name)
    (folder / "broken.mcap").write_bytes(recording.read_bytes()[:300])
    return folder


def test_recordings_are_evaluated_once_and_failures_named(
    recordings: Path, engines: Path, tmp_path: Path, pose3d: Pose3d
) -> None:
    out = tmp_path / "out"
    run = ("evaluate", recordings, "--engines", engines, "--tables", out)
    printed = pose3d(*run, code=1)
    assert "1 of 3 recordings failed" in printed
    assert "broken: " in printed
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert set(summary["recordings"]) == {"a", "b"}
    assert summary["frames"] == 16
    assert list(summary["failed"]) == ["broken"]
    stamps = [(out / name / "summary.json").stat().st_mtime_ns for name in ("a", "b")]
    os.utime(recordings / "b.mcap", ns=(1, 1))
    (recordings / "broken.mcap").unlink()
    again = pose3d(*run, "--require", "recordings.a.detection_recall==1")
    assert "1 of 2 recordings were done before" in again
    assert "b: done" in again
    assert stamps[0] == (out / "a" / "summary.json").stat().st_mtime_ns
    assert stamps[1] != (out / "b" / "summary.json").stat().st_mtime_ns
    assert "mpjpe_mm" in pose3d(*run, "--require", "mpjpe_mm<=0", code=1)


@pytest.mark.slow
def test_recordings_are_evaluated_on_a_cluster(
    ray_cluster: str, recordings: Path, engines: Path, tmp_path: Path, pose3d: Pose3d
) -> None:
    assert ray_cluster
    run = ("evaluate", recordings, "--engines", engines, "--executor", "ray")
    assert "broken: FAILED" in pose3d(*run, "--tables", tmp_path / "ray", code=1)
    pose3d("evaluate", recordings, "--engines", engines, "--tables", tmp_path / "local", code=1)
    found = [json.loads((tmp_path / name / "summary.json").read_text(encoding="utf-8")) for name in ("ray", "local")]
    assert found[0]["mpjpe_mm"] == found[1]["mpjpe_mm"]
    assert "2 of 3 recordings were done before" in pose3d(*run, "--tables", tmp_path / "ray", code=1)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--ground-truth", "x.mcap"], "--ground-truth"),
        (["x.jsonl"], "x.jsonl"),
        (["--json", "x.json"], "--json"),
        (["--workers", "0"], "--workers"),
        (["--synthetic", "1"], "--synthetic"),
    ],
)
def test_other_options_are_errors(options: list[str], what: str, recordings: Path, pose3d: Pose3d) -> None:
    assert what in pose3d("evaluate", recordings, *options, code=2)


def test_without_ray_the_error_says_what_to_do(
    recordings: Path, engines: Path, tmp_path: Path, pose3d: Pose3d, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    run = ("evaluate", recordings, "--engines", engines, "--tables", tmp_path / "out", "--executor", "ray")
    assert "pip install ray" in pose3d(*run, code=2)
