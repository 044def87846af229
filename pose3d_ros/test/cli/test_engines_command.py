"""`pose3d engines` on a machine without a GPU."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pose3d_ros.cli.main import main
from pose3d_ros.engines import default_manifest_dir


@pytest.fixture
def engines(tmp_path: Path) -> Path:
    return Path(shutil.copytree(default_manifest_dir(), tmp_path / "engines"))


def test_list_has_every_model(engines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines", "list", "--engines", str(engines)]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("detector.onnx", "root_pose.onnx", "smoother.onnx", "no TensorRT plans"))


def test_verify_finds_a_damaged_model(engines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines", "verify", "--engines", str(engines)]) == 0
    with (engines / "smoother.onnx").open("ab") as file:
        file.write(b"!")
    assert main(["engines", "verify", "--engines", str(engines)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in lines] == ["ok  "] * 4 + ["ok  ", "ok  ", "FAIL", "ok  "]


def test_build_without_tensorrt_is_an_error(engines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines", "build", "--engines", str(engines)]) == 2
    assert "backend tensorrt" in capsys.readouterr().err


def test_bench_and_selftest_write_tables(engines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench, selftest = tmp_path / "a" / "bench.json", tmp_path / "selftest.json"
    common = ["--engines", str(engines), "--param", "threads=1", "--json"]
    assert main(["engines", "bench", "--batches", "1", "3", *common, str(bench)]) == 0
    assert main(["engines", "selftest", *common, str(selftest)]) == 0
    rows = json.loads(bench.read_text())["rows"]
    assert [row["people"] for row in rows] == [1, 1, 3, 1, 3, 1, 3]  # the detector sees one image
    assert all(row["median ms"] > 0 for row in rows)
    tried = json.loads(selftest.read_text())["rows"]
    assert {row["agrees"] for row in tried} == {"yes"}
    assert {row["backend"] for row in tried} >= {"onnxruntime"}
    assert "onnxruntime" in capsys.readouterr().out
