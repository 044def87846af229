"""Whether an input comes as fast as it should; nothing of ROS."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from pose3d_ros.nodes.timing import Clock

_WINDOW_S = 5.0
_PAST_S = 300.0
_LOST_SHARE = 0.1
_LEAST_LOST = 3
_COMPANION_SHARE = 0.75
_LEAST_COMPANIONS = 10
_PAST_SHARE = 0.5
_LEAST_PAST_HZ = 2.0  # what comes more rarely is not a stream


class Shortfall(Enum):
    """Why an input is slow: lost by DDS, slower than what comes with it, than the given minimum, than it was."""

    LOST = "lost"
    COMPANION = "companion"
    MINIMUM = "minimum"
    PAST = "past"


@dataclass(frozen=True)
class SlowInput:
    """rate_hz: over the last seconds. expected_hz: what it is compared with; for LOST, what was sent."""

    cause: Shortfall
    rate_hz: float
    expected_hz: float


class InputRate:
    """Compares the messages of the last five seconds with what they should be. For one thread."""

    def __init__(self, clock_s: Clock) -> None:
        self._clock_s = clock_s
        self.restart()

    def restart(self) -> None:
        """Forget what came: the input is expected from now on."""
        self._start_s = self._clock_s()
        self._arrivals_s: deque[float] = deque()
        self._companions_s: deque[float] = deque()
        self._lost: deque[tuple[float, int]] = deque()
        self._rates_hz: deque[tuple[float, float]] = deque()

    def tick(self) -> None:
        """Count a message."""
        self._arrivals_s.append(self._clock_s())

    def tick_companion(self) -> None:
        """Count a message of which one comes with each of the input."""
        self._companions_s.append(self._clock_s())

    def slow(self, minimum_hz: float, lost_total: int) -> SlowInput | None:
        """The reason why the input is too slow; None where it is not, and in the first seconds. To be called regularly.

        minimum_hz: 0 compares with companions and with the last five minutes instead. lost_total: how many messages
        DDS has lost so far.
        """
        now_s = self._clock_s()
        for times_s in (self._arrivals_s, self._companions_s):
            while times_s and now_s - times_s[0] >= _WINDOW_S:
                times_s.popleft()
        while self._rates_hz and now_s - self._rates_hz[0][0] > _PAST_S:
            self._rates_hz.popleft()
        self._lost.append((now_s, lost_total))
        while len(self._lost) > 2 and now_s - self._lost[1][0] >= _WINDOW_S:
            self._lost.popleft()
        if now_s - self._start_s < _WINDOW_S:
            return None
        past_hz = max((rate for _, rate in self._rates_hz), default=0.0)
        self._rates_hz.append((now_s, len(self._arrivals_s) / _WINDOW_S))
        return self._compared(minimum_hz, past_hz)

    def _compared(self, minimum_hz: float, past_hz: float) -> SlowInput | None:
        arrived, came_along = len(self._arrivals_s), len(self._companions_s)
        lost, rate_hz = self._lost[-1][1] - self._lost[0][1], arrived / _WINDOW_S
        if lost >= _LEAST_LOST and lost > _LOST_SHARE * (arrived + lost):
            return SlowInput(Shortfall.LOST, rate_hz, (arrived + lost) / _WINDOW_S)
        if minimum_hz > 0:
            return SlowInput(Shortfall.MINIMUM, rate_hz, minimum_hz) if rate_hz < minimum_hz else None
        if came_along >= _LEAST_COMPANIONS and arrived < _COMPANION_SHARE * came_along:
            return SlowInput(Shortfall.COMPANION, rate_hz, came_along / _WINDOW_S)
        if past_hz >= _LEAST_PAST_HZ and rate_hz < _PAST_SHARE * past_hz:
            return SlowInput(Shortfall.PAST, rate_hz, past_hz)
        return None
