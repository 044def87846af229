"""`pose3d engines` on a machine without a GPU."""

from __future__ import annotations

import functools
import json
import shutil
from pathlib import Path

import pytest

from pose3d_ros.cli import engines_command
from pose3d_ros.engines import default_manifest_dir
from pose3d_ros.engines.trial import measure_latency

from .conftest import Pose3d


@pytest.fixture(autouse=True)
def _short_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines_command, "measure_latency", functools.partial(measure_latency, seconds=0.05))


def test_list_has_every_model(pose3d: Pose3d) -> None:
    printed = pose3d("engines", "list", "--engines", default_manifest_dir())
    assert all(name in printed for name in ("detector.onnx", "root_pose.onnx", "smoother.onnx", "no TensorRT engines"))


def test_verify_finds_a_damaged_model(engines: Path, tmp_path: Path, pose3d: Pose3d) -> None:
    folder = shutil.copytree(engines, tmp_path / "engines")
    pose3d("engines", "verify", "--engines", folder)
    (folder / "smoother.onnx").write_bytes(b"damaged")
    printed = pose3d("engines", "verify", "--engines", folder, code=1)
    assert [line.split()[0] for line in printed.splitlines()] == ["ok", "ok", "FAIL"]


def test_build_without_tensorrt_is_an_error(engines: Path, pose3d: Pose3d) -> None:
    assert "backend tensorrt" in pose3d("engines", "build", "--engines", engines, code=2)


def test_bench_times_every_model_and_batch_size(engines: Path, tmp_path: Path, pose3d: Pose3d) -> None:
    table = tmp_path / "a" / "bench.json"
    pose3d("engines", "bench", "--batches", "1", "3", "--engines", engines, "--json", table)
    rows = json.loads(table.read_text())["rows"]
    assert [row["people"] for row in rows] == [1, 1, 3, 1, 3]  # the detector sees one image
    assert all(row["median ms"] > 0 for row in rows)


def test_selftest_compares_the_backends(engines: Path, tmp_path: Path, pose3d: Pose3d) -> None:
    table = tmp_path / "selftest.json"
    assert "onnxruntime" in pose3d("engines", "selftest", "--engines", engines, "--json", table)
    rows = json.loads(table.read_text())["rows"]
    assert {row["agrees"] for row in rows} == {"yes"}
    assert {row["backend"] for row in rows} >= {"onnxruntime"}
