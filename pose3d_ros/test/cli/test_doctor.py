from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

from pose3d_ros.cli import doctor
from pose3d_ros.cli.checks import State
from pose3d_ros.cli.main import main


def test_good_models_pass(engines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [c.state for c in doctor.engine_checks(str(engines))] == [State.OK] * 4
    assert main(["doctor", "--engines", str(engines)]) in (0, 1)
    output = capsys.readouterr().out
    assert "pose-of-constants" in output
    assert "onnxruntime" in output


def test_bad_models_fail(engines: Path, tmp_path: Path) -> None:
    shutil.copytree(engines, tmp_path, dirs_exist_ok=True)
    (tmp_path / "detector.onnx").write_bytes(b"damaged")
    states = {c.name: c.state for c in doctor.engine_checks(str(tmp_path))}
    assert states["detector-of-constants"] is State.FAIL
    assert states["pose-of-constants"] is State.OK
    (only,) = doctor.engine_checks(str(tmp_path / "none"))
    assert only.state is State.FAIL


def test_embedded_models_in_place_of_those_of_auto_are_a_warning() -> None:
    (warning,) = (c for c in doctor.engine_checks("auto") if c.state is State.WARN)
    assert "Run `pose3d models get mediapipe`, or set engines to embedded" in warning.found
    assert all(c.state is State.OK for c in doctor.engine_checks("embedded"))


def test_cameras_and_their_permissions(tmp_path: Path) -> None:
    (none,) = doctor.camera_checks(tmp_path)
    assert none.state is State.INFO
    (tmp_path / "video2").write_text("", encoding="utf-8")
    (one,) = doctor.camera_checks(tmp_path)
    assert one.state is State.OK
    assert "--source 2" in one.found


def test_packages_that_are_missing_have_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    gone = {"onnxruntime", "rosbags", "tflite"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in gone else found(name))
    checks = {c.name: c for c in doctor.python_checks()}
    for name in ("onnxruntime", "rosbags"):
        assert (checks[name].state, checks[name].remedy) == (State.FAIL, f"pip install {name}")
    assert (checks["tflite"].state, checks["tflite"].remedy) == (State.INFO, "pip install tflite")
    assert checks["onnx"].state is State.OK
    sample = next(iter(doctor.device_checks()))
    assert (sample.state, sample.found) == (State.INFO, "can't be looked at without rosbags")


def test_it_is_a_program_of_its_own(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["doctor", "--engines", "/none"])
    assert doctor.main() == 1
    assert "Problems to solve" in capsys.readouterr().out
