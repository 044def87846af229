from __future__ import annotations

from pose3d_ros.cli.checks import Check, State, format_check


def test_check_is_a_line_and_its_remedy_another() -> None:
    text = format_check(Check(State.FAIL, "numpy", "not installed", "pip install numpy"), 8)
    line, remedy = text.plain.splitlines()
    assert line.split() == ["FAIL", "numpy", "not", "installed"]
    assert "pip install numpy" in remedy
