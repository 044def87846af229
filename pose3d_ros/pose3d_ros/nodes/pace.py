"""The time of a recording while it is played."""

from __future__ import annotations

import math
from collections.abc import Callable


class Pace:
    """Maps this machine's time to the recording's.

    start_ns: the recording's time at which it begins, now. rate: seconds of the recording a second. clock_s:
    monotonic seconds.
    """

    def __init__(self, start_ns: int, rate: float, paused: bool, clock_s: Callable[[], float]) -> None:
        self._rate = rate
        self._paused = paused
        self._clock_s = clock_s
        self._anchor_ns = start_ns
        self._anchor_s = clock_s()

    @property
    def paused(self) -> bool:
        return self._paused

    def pause(self, paused: bool) -> None:
        """Let the recording's time stand still, or go on."""
        self._anchor_ns = self.now_ns()
        self._anchor_s = self._clock_s()
        self._paused = paused

    def now_ns(self) -> int:
        """The recording's time now."""
        passed_s = 0.0 if self._paused else self._clock_s() - self._anchor_s
        return self._anchor_ns + round(passed_s * self._rate * 1e9)

    def until_s(self, time_ns: int) -> float:
        """Seconds from now until that time of the recording, not above 0 when it is due; infinite while paused."""
        return math.inf if self._paused else (time_ns - self.now_ns()) * 1e-9 / self._rate
