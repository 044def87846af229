from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pose3d_ros.cli import doctor
from pose3d_ros.cli.main import COMMANDS, build_parser, main
from pose3d_ros.errors import InputError


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.startswith("pose3d 0.")
    with pytest.raises(SystemExit, match="2"):
        main(["unheard-of"])
    for command in COMMANDS:
        assert build_parser(command).prog == "pose3d"


def test_commands_are_imported_when_called() -> None:
    script = (
        "import sys; from pose3d_ros.cli.main import build_parser; build_parser()\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('cv2', 'numpy', 'matplotlib', 'rosbags')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_errors_are_one_line_unless_debug(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["run", "--source", str(tmp_path / "none"), "--hfov", "60", "--output", str(tmp_path)]
    assert main(arguments) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    with pytest.raises(InputError):
        main([*arguments, "--debug"])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signal_unwinds_the_command(
    number: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unwound: list[int] = []

    def signalled(*_: object) -> int:
        try:
            os.kill(os.getpid(), number)
            time.sleep(60)
        finally:
            unwound.append(number)
        return 0

    monkeypatch.setattr(doctor, "execute", signalled)
    before = signal.getsignal(number)
    assert main(["doctor"]) == code
    assert unwound == [number]
    assert signal.Signals(number).name in capsys.readouterr().err
    assert signal.getsignal(number) == before


def test_ignored_hangup_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    def hung_up(*_: object) -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        return 7

    monkeypatch.setattr(doctor, "execute", hung_up)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main(["doctor"]) == 7
    finally:
        signal.signal(signal.SIGHUP, before)


def test_ctrl_c_exits_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "execute", interrupted)
    assert main(["doctor"]) == 130
    assert "interrupted" in capsys.readouterr().err


WITHOUT = """
import sys
from importlib.machinery import PathFinder
class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {gone!r} else super().find_spec(name, path, target)
sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
from pose3d_ros.cli.main import main
sys.exit(main({arguments!r}))
"""


def without(gone: set[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as if these packages were not installed."""
    script = WITHOUT.format(gone=gone, arguments=arguments)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)


def test_package_that_is_not_installed_is_one_line() -> None:
    done = without({"rosbags"}, "run", "--source", "x.jpg")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pose3d run: the Python module rosbags is not installed; see `pose3d doctor`.\n"


def test_doctor_works_without_the_packages_that_come_from_pip() -> None:
    done = without({"rosbags", "onnxruntime", "onnx", "tflite"}, "doctor", "--engines", "embedded")
    assert (done.returncode, done.stderr) == (1, "")
    for package in ("rosbags", "onnxruntime", "onnx", "tflite"):
        assert f"pip install {package}" in done.stdout
