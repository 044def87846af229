from __future__ import annotations

import json
from pathlib import Path

from .conftest import Pose3d


def test_reports_are_compared_and_required_to_be_no_worse(
    recording: Path, engines: Path, tmp_path: Path, pose3d: Pose3d
) -> None:
    folder, file = tmp_path / "a", tmp_path / "c.json"
    pose3d("evaluate", "--bag", recording, "--engines", engines, "--report", folder)
    compare = ("evaluate", "--compare", folder, folder, "--json", file)
    printed = pose3d(*compare, "--report", tmp_path / "c", "--require", "mpjpe_mm.difference==0")
    assert "too short to tell" in printed  # eight frames
    assert json.loads(file.read_text(encoding="utf-8"))["mpjpe_mm"]["samples"] == 8
    assert {p.name for p in (tmp_path / "c").iterdir()} == {"comparison.json", "comparison.html"}
    assert "mpjpe_mm.high" in pose3d(*compare, "--require", "mpjpe_mm.high<5", code=1)  # no interval


def test_what_can_not_be_compared_is_an_error(tmp_path: Path, pose3d: Pose3d) -> None:
    assert "people.csv" in pose3d("evaluate", "--compare", tmp_path, tmp_path, code=2)
    assert "x.jsonl too" in pose3d("evaluate", "x.jsonl", "--compare", tmp_path, tmp_path, code=2)
