from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pose3d_ros.cli import doctor
from pose3d_ros.cli.main import main
from pose3d_ros.config.share_folders import share_file
from pose3d_ros.nodes.dds_profile import SharedMemory


def test_good_models_pass(engines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [c.state for c in doctor.engine_checks(str(engines))] == [doctor.State.OK] * 4
    assert main(["doctor", "--engines", str(engines)]) in (0, 1)
    output = capsys.readouterr().out
    assert "pose-of-constants" in output
    assert "onnxruntime" in output


def test_bad_models_fail(engines: Path, tmp_path: Path) -> None:
    shutil.copytree(engines, tmp_path, dirs_exist_ok=True)
    (tmp_path / "detector.onnx").write_bytes(b"damaged")
    states = {c.name: c.state for c in doctor.engine_checks(str(tmp_path))}
    assert states["detector-of-constants"] is doctor.State.FAIL
    assert states["pose-of-constants"] is doctor.State.OK
    (only,) = doctor.engine_checks(str(tmp_path / "none"))
    assert only.state is doctor.State.FAIL


def test_embedded_models_in_place_of_those_of_auto_are_a_warning() -> None:
    (warning,) = (c for c in doctor.engine_checks("auto") if c.state is doctor.State.WARN)
    assert "Run `pose3d models get mediapipe`, or set engines to embedded" in warning.found
    assert all(c.state is doctor.State.OK for c in doctor.engine_checks("embedded"))


def test_cameras_and_their_permissions(tmp_path: Path) -> None:
    (none,) = doctor.camera_checks(tmp_path)
    assert none.state is doctor.State.INFO
    (tmp_path / "video2").write_text("", encoding="utf-8")
    (one,) = doctor.camera_checks(tmp_path)
    assert one.state is doctor.State.OK
    assert "--source 2" in one.found


def test_dds_profile_check(tmp_path: Path) -> None:
    unset = doctor.transport_check({})
    assert unset.state is doctor.State.WARN
    assert "fastdds.xml" in unset.remedy
    profile = {"FASTDDS_DEFAULT_PROFILES_FILE": str(tmp_path / "profile.xml")}
    assert doctor.transport_check(profile).state is doctor.State.FAIL
    (tmp_path / "profile.xml").write_text("<x/>", encoding="utf-8")
    assert doctor.transport_check(profile).state is doctor.State.OK


def test_shared_memory_of_a_container_is_checked() -> None:
    profile = {"FASTDDS_DEFAULT_PROFILES_FILE": str(share_file("config/fastdds.xml"))}
    small = doctor.shared_memory_check(profile, SharedMemory(64 << 20, 60 << 20))
    assert small.state is doctor.State.WARN
    assert "64 MB" in small.found
    assert "--shm-size" in small.remedy
    assert doctor.shared_memory_check(profile, SharedMemory(8 << 30, 7 << 30)).state is doctor.State.OK
    assert doctor.shared_memory_check(profile, None).state is doctor.State.INFO


def test_check_is_a_line_and_its_remedy_another() -> None:
    text = doctor.format_check(doctor.Check(doctor.State.FAIL, "numpy", "not installed", "pip install numpy"), 8)
    line, remedy = text.plain.splitlines()
    assert line.split() == ["FAIL", "numpy", "not", "installed"]
    assert "pip install numpy" in remedy
