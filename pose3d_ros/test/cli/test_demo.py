from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from pose3d_ros.cli.processes import ChildGroup, ProcessError, wait_for_end, wait_until_idle

from .conftest import Pose3d

needs_ros = pytest.mark.skipif(find_spec("rclpy") is None or find_spec("pose3d_msgs") is None, reason="needs ROS")


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


SLEEP = python("import time; time.sleep(600)")


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_child_with_exit_code_0_is_no_error(tmp_path: Path) -> None:
    with ChildGroup(tmp_path / "logs", os.environ) as group:
        child = group.start("one", python("print('done')"))
        wait_for_end(child, (), 30.0, lambda _: None)
    assert (tmp_path / "logs/one.log").read_text() == "done\n"


@pytest.mark.parametrize(
    ("awaited", "needed", "limit_s", "reason"),
    [
        (python("import sys; sys.exit('no bag here')"), SLEEP, 30.0, "exit code 1 after: no bag here"),
        (SLEEP, python("pass"), 30.0, "process needed"),
        (SLEEP, SLEEP, 0.2, "within 0 s"),
    ],
    ids=["failure", "early end of a needed child", "time limit"],
)
def test_failed_wait_gives_the_reason_and_ends_all_children(
    awaited: list[str], needed: list[str], limit_s: float, reason: str, tmp_path: Path
) -> None:
    with ChildGroup(tmp_path, os.environ) as group:
        child, other = group.start("awaited", awaited), group.start("needed", needed)
        with pytest.raises(ProcessError, match=reason):
            wait_for_end(child, (other,), limit_s, lambda _: None)
    assert not child.running
    assert not other.running


def test_child_that_ignores_sigint_is_terminated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pose3d_ros.cli.processes._SIGINT_S", 0.3)
    code = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    with ChildGroup(tmp_path, os.environ) as group:
        child = group.start("deaf", python(code))
        until(lambda: child.log.read_text() == "up\n")
    assert child.process.returncode == -signal.SIGTERM


@pytest.mark.parametrize(("code", "idle"), [("time.sleep(600)", True), ("while True: pass", False)])
def test_idle_children_are_distinguished_from_busy_ones(code: str, idle: bool, tmp_path: Path) -> None:
    with ChildGroup(tmp_path, os.environ) as group:
        child = group.start("one", python(f"import time; print('up', flush=True)\n{code}"))
        until(lambda: child.log.read_text() == "up\n")
        if child.busy_s() is None:
            pytest.skip("this system does not say")
        assert wait_until_idle([child], 60.0 if idle else 1.5) is idle


@needs_ros
def test_rate_out_of_range_is_an_error_before_anything_starts(
    recording: Path, engines: Path, tmp_path: Path, pose3d: Pose3d
) -> None:
    output = tmp_path / "out"
    arguments = ["--bag", recording, "--engines", engines, "--output", output, "--rate", "0"]
    assert "--rate" in pose3d("demo", *arguments, code=2)
    assert not output.exists()


def children_of(pid: int) -> list[int]:
    """The processes that a process started."""
    statuses = [path.read_text() for path in Path("/proc").glob("[0-9]*/stat") if path.exists()]
    fields = [(int(text.split()[0]), text.rpartition(")")[2].split()) for text in statuses]
    return [one for one, (state, parent, *_) in fields if int(parent) == pid and state != "Z"]


@needs_ros
@pytest.mark.skipif(sys.platform != "linux", reason="children end with their parent on Linux only")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_nodes_end_with_the_demo_whatever_ends_it(
    number: signal.Signals, code: int, recording: Path, engines: Path, tmp_path: Path
) -> None:
    options = ["--bag", recording, "--engines", engines, "--output", tmp_path / "out", "--rate", "0.01"]
    command = [sys.executable, "-m", "pose3d_ros.cli.main", "demo", *map(str, options)]
    with (tmp_path / "demo.log").open("wb") as log:
        demo_process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    running = tmp_path / "out/logs/pose_node.log"
    until(lambda: running.exists() and "models" in running.read_text())
    children = children_of(demo_process.pid)
    try:
        assert len(children) == 4
        demo_process.send_signal(number)
        assert demo_process.wait(60) == code
        until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
        assert "Traceback" not in (tmp_path / "demo.log").read_text()
    finally:
        for one in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)


@needs_ros
def test_demo_over_dds(recording: Path, engines: Path, tmp_path: Path, pose3d: Pose3d) -> None:
    output, again = tmp_path / "out", tmp_path / "again.json"
    assert "report.html" in pose3d("demo", "--bag", recording, "--engines", engines, "--output", output)
    files = {
        "logs",
        "people.mcap",
        "summary.json",
        "overlay.mp4",
        "report.html",
        "people.csv",
        "frames.csv",
        "detections.csv",
    }
    assert {p.name for p in output.iterdir()} == files
    summary = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    assert (summary["frames"], summary["frames_processed"]) == (8, 8)
    assert summary["detection_recall"] == 1.0
    assert summary["backend"] == "onnxruntime"
    assert summary["mpjpe_smoothed_mm"] == pytest.approx(summary["mpjpe_mm"], rel=0.25)
    assert summary["latency_ms"]["p50"] > 0
    pose3d("evaluate", output / "people.mcap", "--bag", recording, "--json", again)
    assert json.loads(again.read_text(encoding="utf-8")) == summary
