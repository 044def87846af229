"""`pose3d evaluate` on a small recording."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pose3d_ros.cli.main import main


def test_models_are_run_on_a_recording(
    recording: Path, engines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = tmp_path / "metrics.json"
    arguments = ["evaluate", "--bag", str(recording), "--engines", str(engines), "--json", str(numbers)]
    assert main(arguments) == 0
    first = json.loads(numbers.read_text(encoding="utf-8"))
    assert first["frames"] == first["frames_processed"] == 8
    assert first["detection_recall"] == 1.0
    assert first["backend"] == "onnxruntime"
    assert set(first["engine_stage_ms"]) == {"detect", "pose", "smooth"}
    assert first["mpjpe_mm"] == first["mpjpe_smoothed_mm"] > 0  # the smoother of constants corrects nothing
    assert "MPJPE" in capsys.readouterr().out
    main(arguments)
    again = json.loads(numbers.read_text(encoding="utf-8"))
    timed = {"fps", "latency_ms", "engine_ms", "engine_stage_ms"}
    assert {k: v for k, v in again.items() if k not in timed} == {k: v for k, v in first.items() if k not in timed}


def test_smoother_of_another_skeleton_is_left_out(
    recording: Path, engines_of_two_skeletons: Path, tmp_path: Path
) -> None:
    numbers, folder = tmp_path / "metrics.json", str(engines_of_two_skeletons)
    assert main(["evaluate", "--bag", str(recording), "--engines", folder, "--json", str(numbers)]) == 0
    found = json.loads(numbers.read_text(encoding="utf-8"))
    assert set(found["engine_stage_ms"]) == {"detect", "pose"}
    assert found["model"] == "detector-of-constants + pose-of-constants"


def test_report_is_written(recording: Path, engines: Path, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    assert main(["evaluate", "--bag", str(recording), "--engines", str(engines), "--report", str(folder)]) == 0
    assert {p.name for p in folder.iterdir()} == {"summary.json", "overlay.mp4", "report.html"}


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--synthetic", "1"], "--assets"),
        (["--synthetic", "1", "--assets", ".", "--bag", "some.mcap"], "--bag"),
        (["--synthetic", "1", "--assets", ".", "--results", "some.mcap"], "--results"),
        (["--oracle-boxes"], "--synthetic"),
        (["--scenes", "5"], "--synthetic"),
    ],
)
def test_conflicting_options_are_errors(options: list[str], what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *options]) == 2
    assert what in capsys.readouterr().err


def test_unusable_bags_are_errors(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--bag", str(recording), "--results", str(recording)]) == 2
    assert "/camera/camera_info" in capsys.readouterr().err
    (tmp_path / "bad.mcap").write_bytes(b"no bag")
    assert main(["evaluate", "--bag", str(tmp_path / "bad.mcap"), "--results", str(recording)]) == 2
    assert "readable ROS 2 bag" in capsys.readouterr().err
