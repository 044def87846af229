"""By processes that are really killed; as a rule for nodes, see also test_spin.py and the demo's tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pose3d_ros.nodes.parent_process import PARENT_VARIABLE, Parent, child_environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")

CHILD = """
import os, sys, time
from pose3d_ros.nodes.parent_process import Parent
parent = Parent(os.environ)
print("child", os.getpid(), parent.has_ended(), flush=True)
time.sleep(600)
"""
# Starts the child, tells its process number, and waits.
PARENT = f"""
import os, subprocess, sys, time
from pose3d_ros.nodes.parent_process import child_environment
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], env=child_environment(os.environ), start_new_session=True)
time.sleep(600)
"""


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_child_ends_with_a_killed_parent(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        _, pid, ended = parent.stdout.readline().split()
        assert ended == "False"
        parent.send_signal(number)
        until(lambda: not is_there(int(pid)))


def test_child_whose_parent_ended_before_it_looked_ends_at_once() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    child = [sys.executable, "-c", CHILD]
    done = subprocess.run(child, env={**os.environ, PARENT_VARIABLE: str(gone.pid)}, check=False, timeout=60)
    assert done.returncode == -signal.SIGTERM


def test_process_that_another_one_started_is_left_alone() -> None:
    code = CHILD.replace("time.sleep(600)", "")
    started = subprocess.run(  # a shell in between, as a launch prefix may be
        ["sh", "-c", f"{sys.executable} -c '{code}'; true"],
        env=child_environment(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert started.stdout.split()[2] == "False"


@pytest.mark.parametrize("text", ["", "0", "-5", "init", "9" * 5000])
def test_no_parent_is_named(text: str) -> None:
    assert not Parent({PARENT_VARIABLE: text}).has_ended()


def test_parent_that_is_somebody_elses_process_is_none() -> None:
    assert not Parent({PARENT_VARIABLE: "1"}).has_ended()


def test_other_systems_have_no_such_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not Parent({PARENT_VARIABLE: str(gone.pid)}).has_ended()
