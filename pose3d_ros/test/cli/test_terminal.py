from __future__ import annotations

import io
import sys

import pytest

from pose3d_ros.cli.terminal import ProgressBar, print_table


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_table_aligns_columns_and_puts_numbers_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"net": "a[b]", "ms": 1.5, "MiB": "10"}, {"net": "long name", "ms": 20, "note": "x"}], right=("MiB",))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "  net         ms  MiB  note",
        "  a[b]       1.5   10",
        "  long name   20       x",
    ]


def test_piped_table_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"": "word " * 100}])
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize("total", [4, None])
def test_progress_is_drawn_in_a_terminal_and_removed(total: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with ProgressBar("evaluating [x]", "images") as bar:
        bar(1, total)
        bar.say("a message")
        bar(4, total)
    shown = terminal.getvalue()
    assert "evaluating [x]" in shown
    assert ("4/4 images" if total else "4 images") in shown
    assert "a message\n" in shown
    assert shown.endswith("\x1b[2K")  # the line is erased


def test_progress_is_not_drawn_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar("run") as bar:
        bar(1, 2)
        bar.say("a message")
        bar(2, 2)
    assert capsys.readouterr().err == "a message\n"
