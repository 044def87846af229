"""Reports of a build that takes minutes."""

from __future__ import annotations

import threading

import pytest

from pose3d_ros.engines.tensorrt.plan_loading import heartbeat


def test_start_progress_and_end_are_reported() -> None:
    lines: list[str] = []
    third = threading.Event()

    def report(line: str) -> None:
        lines.append(line)
        if len(lines) == 3:
            third.set()

    with heartbeat("building pose", 90.0, report, every_s=0.01):
        assert third.wait(10)
    assert lines[0] == "building pose: took 90 s the last time"
    assert lines[1] == "building pose: 0 s of about 90 s"
    assert lines[-1] == "building pose: done in 0 s"


def test_first_build_and_failed_build_are_reported() -> None:
    lines: list[str] = []
    before = threading.active_count()
    with pytest.raises(ValueError, match="broken"), heartbeat("building", None, lines.append):
        raise ValueError("broken")
    assert lines == ["building: the first time; it can take minutes"]
    assert threading.active_count() == before
