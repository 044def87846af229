from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pose3d_ros.cli import doctor
from pose3d_ros.cli.main import COMMANDS, build_parser, main
from pose3d_ros.cli.progress import ProgressBar, progress_line
from pose3d_ros.cli.sample import sample_bag
from pose3d_ros.errors import BagError, InputError


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.startswith("pose3d 0.")
    with pytest.raises(SystemExit, match="2"):
        main(["unheard-of"])
    for command in COMMANDS:
        assert build_parser(command).prog == "pose3d"


def test_commands_are_imported_when_called() -> None:
    import subprocess

    script = (
        "import sys; from pose3d_ros.cli.main import build_parser; build_parser()\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('cv2', 'numpy', 'matplotlib', 'rosbags')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_errors_are_one_line_unless_debugging(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["run", "--source", str(tmp_path / "none"), "--hfov", "60", "--output", str(tmp_path)]
    assert main(arguments) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    with pytest.raises(InputError):
        main([*arguments, "--debug"])


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "execute", interrupted)
    assert main(["doctor"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_evaluate_runs_the_engines_on_a_recording(
    recording: Path, engines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = tmp_path / "numbers.json"
    arguments = ["evaluate", "--bag", str(recording), "--engines", str(engines), "--json", str(numbers)]
    assert main(arguments) == 0
    first = json.loads(numbers.read_text(encoding="utf-8"))
    assert first["frames"] == first["frames_processed"] == 8
    assert first["detection_recall"] == 1.0
    assert first["backend"] == "onnxruntime"
    assert set(first["engine_stage_ms"]) == {"detect", "pose", "smooth"}
    assert first["mpjpe_mm"] == first["mpjpe_smoothed_mm"] > 0  # the smoother of constants corrects nothing
    assert "Joint error" in capsys.readouterr().out
    main(arguments)
    again = json.loads(numbers.read_text(encoding="utf-8"))
    timed = {"fps", "latency_ms", "engine_ms", "engine_stage_ms"}
    assert {k: v for k, v in again.items() if k not in timed} == {k: v for k, v in first.items() if k not in timed}


def test_evaluate_leaves_a_smoother_for_another_skeleton_out(
    recording: Path, engines_of_two_skeletons: Path, tmp_path: Path
) -> None:
    numbers, folder = tmp_path / "numbers.json", str(engines_of_two_skeletons)
    assert main(["evaluate", "--bag", str(recording), "--engines", folder, "--json", str(numbers)]) == 0
    found = json.loads(numbers.read_text(encoding="utf-8"))
    assert set(found["engine_stage_ms"]) == {"detect", "pose"}
    assert found["model"] == "detector-of-constants + pose-of-constants"


def test_evaluate_writes_a_report(recording: Path, engines: Path, tmp_path: Path) -> None:
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
def test_evaluate_says_which_options_do_not_go_together(
    options: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *options]) == 2
    assert what in capsys.readouterr().err


def test_evaluate_says_what_is_missing(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--bag", str(recording), "--results", str(recording)]) == 2
    assert "/camera/camera_info" in capsys.readouterr().err
    (tmp_path / "bad.mcap").write_bytes(b"no bag")
    assert main(["evaluate", "--bag", str(tmp_path / "bad.mcap"), "--results", str(recording)]) == 2
    assert "readable ROS 2 bag" in capsys.readouterr().err


def test_doctor_finds_good_engines(engines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [c.state for c in doctor.engine_checks(str(engines))] == [doctor.State.OK] * 4
    assert main(["doctor", "--engines", str(engines)]) in (0, 1)
    output = capsys.readouterr().out
    assert "pose-of-constants" in output
    assert "onnxruntime" in output


def test_doctor_finds_bad_engines(engines: Path, tmp_path: Path) -> None:
    for file in engines.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "detector.onnx").write_bytes(b"damaged")
    states = {c.name: c.state for c in doctor.engine_checks(str(tmp_path))}
    assert states["detector-of-constants"] is doctor.State.FAIL
    assert states["pose-of-constants"] is doctor.State.OK
    (only,) = doctor.engine_checks(str(tmp_path / "none"))
    assert only.state is doctor.State.FAIL


def test_doctor_says_what_to_do_about_cameras(tmp_path: Path) -> None:
    (none,) = doctor.camera_checks(tmp_path)
    assert none.state is doctor.State.INFO
    (tmp_path / "video2").write_text("", encoding="utf-8")
    (one,) = doctor.camera_checks(tmp_path)
    assert one.state is doctor.State.OK
    assert "--source 2" in one.found


def test_doctor_checks_the_transport_profile(tmp_path: Path) -> None:
    from pose3d_ros.cli.doctor import State, _transport_check

    assert _transport_check({}).state is State.WARN
    assert "fastdds.xml" in _transport_check({}).remedy
    missing = {"FASTDDS_DEFAULT_PROFILES_FILE": str(tmp_path / "none.xml")}
    assert _transport_check(missing).state is State.FAIL
    (tmp_path / "none.xml").write_text("<x/>", encoding="utf-8")
    assert _transport_check(missing).state is State.OK


def test_a_check_is_a_line_and_its_remedy_another() -> None:
    text = doctor.format_check(doctor.Check(doctor.State.FAIL, "numpy", "not installed", "pip install numpy"))
    assert text.splitlines()[0].split() == ["FAIL", "numpy", "not", "installed"]
    assert "pip install numpy" in text.splitlines()[1]


def test_a_missing_sample_recording_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("pose3d_ros.config.share_folders.share_directories", lambda: (tmp_path,))
    with pytest.raises(BagError, match="--bag"):
        sample_bag()
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples/x.mcap").write_bytes(b"")
    assert sample_bag() == tmp_path / "samples/x.mcap"


def test_progress_line() -> None:
    assert progress_line("run", "frames", 7, None, 2.0) == "run  7 frames, 3.5/s"
    half = progress_line("run", "frames", 5, 10, 1.0)
    assert half.count("█") == half.count("░") == 14
    assert half.endswith("5/10 frames, 1 s left")
    assert progress_line("run", "frames", 10, 10, 1.0).endswith("10/10 frames")
    assert progress_line("run", "frames", 0, 10, 0.0).endswith("0/10 frames")


def test_the_bar_is_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar("run")
    bar(1, 2)
    bar.say("a word")
    bar(2, 2)
    assert capsys.readouterr().err == "a word\n"
