"""What is wrong with a node at the moment, how often it happened, and what has been logged already."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum

from pose3d_ros.errors import Pose3DError

FRAME_PROBLEM_S = 5.0
"""A problem of one frame is over when none like it came for so long."""


_LOG_PERIOD_S = 60.0


class Level(IntEnum):
    """Severity; the values are those of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True)
class Problem:
    """One kind of problem. until_s: time from which it counts as over, None for one that must be cleared."""

    kind: str
    level: Level
    text: str
    until_s: float | None


class ProblemBoard:
    """Problems by kind. Safe to use from several threads.

    log: called with (level, text) when a kind appears, also when it was over and returns, and once a minute while it
    stays.
    clock_s: monotonic seconds. Kept beside ROS's diagnostic_updater, which is not among the wheels, stops with a paused
    simulation's clock, and neither logs a problem once nor lets one expire.
    """

    def __init__(self, log: Callable[[Level, str], None], clock_s: Callable[[], float]) -> None:
        self._log = log
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._problems: dict[str, Problem] = {}
        self._logged_s: dict[str, float] = {}
        self._counts: Counter[str] = Counter()
        self._shown: dict[str, frozenset[str]] = {}

    def report(self, kind: str, level: Level, text: str, *, hold_s: float | None = None) -> None:
        """Report a problem; it stays until `clear(kind)`, or for hold_s seconds after the last report."""
        now_s = self._clock_s()
        until_s = None if hold_s is None else now_s + hold_s
        with self._lock:
            before = self._problems.get(kind)
            stays = before is not None and (before.until_s is None or before.until_s > now_s)
            due = not stays or now_s - self._logged_s[kind] >= _LOG_PERIOD_S
            self._problems[kind] = Problem(kind, level, text, until_s)
            self._counts[kind] += 1
            if due:
                self._logged_s[kind] = now_s
        if due:
            self._log(level, text)

    def report_error(self, error: Pose3DError, level: Level, *, hold_s: float | None = None) -> None:
        """Report one of our errors; its kind is its class and subject, so that a thousand bad frames are one line."""
        self.report(f"{type(error).__name__}: {error.subject}", level, str(error), hold_s=hold_s)

    def show_warnings(self, group: str, lines: Iterable[str]) -> None:
        """Show these warnings of a group, each logged once, until a call without them."""
        present = frozenset(lines)
        for line in self._shown.get(group, frozenset()) - present:
            self.clear(line)
        for line in present:
            self.report(line, Level.WARN, line)
        self._shown[group] = present

    def clear(self, kind: str) -> None:
        """The problem is over; should it come back, it is logged again."""
        with self._lock:
            self._problems.pop(kind, None)
            self._logged_s.pop(kind, None)

    def current(self) -> tuple[Problem, ...]:
        """The problems that are there now, the worst first."""
        now_s = self._clock_s()
        with self._lock:
            alive = [p for p in self._problems.values() if p.until_s is None or p.until_s > now_s]
        return tuple(sorted(alive, key=lambda p: -p.level))

    def counts(self) -> dict[str, int]:
        """How often each kind was reported since the node started."""
        with self._lock:
            return dict(self._counts)
