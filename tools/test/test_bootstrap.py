"""The set-up of the environment (tools/bootstrap), without running it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.console import Console, SetupError
from bootstrap.messages import localize_cmake
from bootstrap.models import get_models, models_folder
from bootstrap.stamps import Stamp, fingerprint

BOOTSTRAP = Path(__file__).resolve().parents[2] / "tools/bootstrap.sh"


def test_localize_cmake_replaces_headers_and_numpy_of_the_wheel_builder() -> None:
    text = (
        'set(_inc "/opt/python/cp312-cp312/include/python3.12;'
        '/opt/python/cp312-cp312/lib/python3.12/site-packages/numpy/_core/include")'
    )
    local = localize_cmake(text, include=Path("/usr/include/python3.12"), site_packages=Path("/v e/site-packages"))
    assert local == 'set(_inc "/usr/include/python3.12;/v e/site-packages/numpy/_core/include")'


def test_localize_cmake_leaves_the_rest() -> None:
    text = 'set(x "/opt/pythonic/include/python3.12" "${_IMPORT_PREFIX}/include")'
    assert localize_cmake(text, include=Path("/a"), site_packages=Path("/b")) == text


def test_stamp_is_current_until_a_file_changes(tmp_path: Path) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("a==1\n")
    stamp = Stamp(tmp_path / "stamps", "packages", ["3.11", pins])
    assert not stamp.is_current()
    stamp.write()
    assert Stamp(tmp_path / "stamps", "packages", ["3.11", pins]).is_current()
    assert not Stamp(tmp_path / "stamps", "packages", ["3.12", pins]).is_current()
    pins.write_text("a==2\n")
    assert not Stamp(tmp_path / "stamps", "packages", ["3.11", pins]).is_current()
    stamp.remove()
    assert not stamp.is_current()


def test_fingerprint_of_a_folder_sees_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a.msg").write_text("bool x\n")
    before = fingerprint([tmp_path])
    (tmp_path / "a.msg").rename(tmp_path / "b.msg")
    renamed = fingerprint([tmp_path])
    (tmp_path / "b.msg").write_text("bool y\n")
    assert len({before, renamed, fingerprint([tmp_path])}) == 3


def test_failed_command_shows_its_last_lines_a_hint_and_the_log(tmp_path: Path) -> None:
    out = io.StringIO()
    console = Console(tmp_path / "setup.log", 2, out)
    console.skip()
    script = "import sys; print('\\n'.join(map(str, range(100)))); sys.exit('[Errno 28] No space left on device')"
    with pytest.raises(SetupError) as caught, console.step("packages"):
        console.run([sys.executable, "-c", script])
    message = str(caught.value)
    assert "No space left on device" in message
    assert "free some space" in message
    assert "    99\n" in message
    assert "\n    50\n" not in message
    assert str(tmp_path / "setup.log") in message
    assert out.getvalue() == "[2/2] packages failed\n"
    assert "\n50\n" in (tmp_path / "setup.log").read_text()


def test_missing_program_is_a_setup_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no-such-program"):
        Console(tmp_path / "setup.log", 1, io.StringIO()).run(["no-such-program"])


def _start(**env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "ROS_DISTRO")}
    return subprocess.run(
        [BOOTSTRAP, "no-such-profile"], env={**clean, **env}, capture_output=True, text=True, check=False, timeout=60
    )


def test_unknown_profile_is_refused() -> None:
    done = _start(PYTHON=sys.executable)
    assert done.returncode == 2
    assert "demo, test" in done.stderr


@pytest.mark.parametrize("python", ["/no/such/python", "false"])
def test_unsupported_python_is_an_error(python: str) -> None:
    done = _start(PYTHON=python)
    assert done.returncode == 1
    assert f"PYTHON={python}" in done.stderr
    assert "3.10, 3.11 or 3.12" in done.stderr


def test_sourced_ros_without_its_python_is_explained() -> None:
    done = _start(PYTHON="false", ROS_DISTRO="jazzy")
    assert done.returncode == 1
    assert "rclpy" in done.stderr


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models; `pose3d` is what a test makes of it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return models_folder()


def _set_up_models(tmp_path: Path, pose3d: str) -> str:
    """What set-up prints of the models' step, with this body of the command `pose3d`."""
    (tmp_path / "bin").mkdir(exist_ok=True)
    (tmp_path / "bin/pose3d").write_text(f"#!/bin/sh\n{pose3d}\n")
    (tmp_path / "bin/pose3d").chmod(0o755)
    (tmp_path / "env.sh").write_text(f"PATH={tmp_path}/bin:$PATH\n")
    out = io.StringIO()
    get_models(Console(tmp_path / "setup.log", 1, out), tmp_path / "env.sh", Stamp(tmp_path, "models", ["1"]))
    return out.getvalue()


def test_models_are_got_once(tmp_path: Path, models: Path) -> None:
    manifest = models / "mediapipe-full/manifest.yaml"
    pose3d = f'[ "$*" = "models get mediapipe" ] && mkdir -p {manifest.parent} && >{manifest}'
    assert _set_up_models(tmp_path, pose3d).startswith("[1/1] MediaPipe's models ")
    assert _set_up_models(tmp_path, "exit 1") == ""
    manifest.unlink()
    assert "failed" in _set_up_models(tmp_path, "exit 1")


def test_set_up_goes_on_without_models(tmp_path: Path, models: Path) -> None:
    error = "pose3d models: download of mediapipe: expected the package, got no connection. Get its .whl file"
    printed = _set_up_models(tmp_path, f"echo downloading; echo '{error}' >&2; exit 2")
    assert printed == (
        f"[1/1] MediaPipe's models failed\n    {error}\n"
        "    Set-up goes on. Later: . tools/env.sh && pose3d models get mediapipe\n"
    )
    assert not models.exists()
