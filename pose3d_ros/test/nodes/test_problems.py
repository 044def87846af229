from __future__ import annotations

from types import SimpleNamespace

from pose3d_ros.errors import InputError
from pose3d_ros.nodes.problems import Level, ProblemBoard


def make() -> tuple[ProblemBoard, list[tuple[Level, str]], SimpleNamespace]:
    """A board, its log, and its clock."""
    logged: list[tuple[Level, str]] = []
    clock = SimpleNamespace(now_s=100.0)
    return ProblemBoard(lambda level, text: logged.append((level, text)), lambda: clock.now_s), logged, clock


def error(got: str) -> InputError:
    return InputError("image size", expected="bytes", got=got, fix="Look.")


def test_repeated_problem_is_logged_once_and_counted_every_time() -> None:
    board, logged, _ = make()
    for size in ("1", "2", "3"):
        board.report_error(error(size), Level.ERROR, hold_s=5.0)
    assert logged == [(Level.ERROR, str(error("1")))]
    assert board.counts() == {"InputError: image size": 3}
    assert [p.text for p in board.current()] == [str(error("3"))]


def test_problem_with_hold_time_expires_after_the_last_report() -> None:
    board, _, clock = make()
    board.report("late", Level.WARN, "late", hold_s=5.0)
    clock.now_s += 4.0
    assert board.current()
    clock.now_s += 2.0
    assert not board.current()
    assert board.counts() == {"late": 1}


def test_problem_that_returns_is_logged_again() -> None:
    board, logged, clock = make()
    for _ in range(3):
        board.report("late", Level.WARN, "late", hold_s=5.0)
        clock.now_s += 6.0
    assert len(logged) == 3


def test_problem_that_stays_is_logged_once_a_minute() -> None:
    board, logged, clock = make()
    for _ in range(1200):
        board.report("late", Level.WARN, "late", hold_s=5.0)
        board.show_warnings("watchdog", ["silent"])
        clock.now_s += 0.1
    assert [text for _, text in logged] == ["late", "silent"] * 2


def test_problem_without_hold_time_stays_until_cleared_and_is_then_logged_again() -> None:
    board, logged, clock = make()
    board.report("engine", Level.ERROR, "gone")
    clock.now_s += 1e6
    assert board.current()
    board.clear("engine")
    assert not board.current()
    board.report("engine", Level.ERROR, "gone again")
    assert [text for _, text in logged] == ["gone", "gone again"]


def test_current_problems_are_sorted_by_severity() -> None:
    board, _, _ = make()
    board.report("a", Level.WARN, "warning")
    board.report("b", Level.ERROR, "error")
    assert [p.level for p in board.current()] == [Level.ERROR, Level.WARN]


def test_group_warnings_are_logged_once_and_stay_until_omitted() -> None:
    board, logged, _ = make()
    for lines in (["a", "b"], ["a", "b"], ["b"]):
        board.show_warnings("engines", lines)
    board.show_warnings("watchdog", ())
    assert [p.text for p in board.current()] == ["b"]
    assert sorted(text for _, text in logged) == ["a", "b"]
    board.show_warnings("engines", ["a"])
    assert len(logged) == 3
