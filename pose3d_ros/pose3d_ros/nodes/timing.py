"""Rates, times and latency for diagnostics, a watchdog for inputs, and the clock of a playback; nothing of ROS."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Mapping

_WINDOW_S = 5.0
_PLAUSIBLE_LATENCY_MS = 10_000.0

Clock = Callable[[], float]
"""Monotonic seconds."""


class RateMeter:
    """Events a second over the last five seconds. Safe to use from several threads."""

    def __init__(self, clock_s: Clock) -> None:
        self._clock_s = clock_s
        self._times_s: deque[float] = deque()
        self._lock = threading.Lock()
        self.total = 0

    def tick(self) -> None:
        """Count one event."""
        with self._lock:
            self.total += 1
            self._times_s.append(self._clock_s())

    def rate_hz(self) -> float:
        """Events a second: intervals over the time they took, 0 with fewer than two in the window."""
        now_s = self._clock_s()
        with self._lock:
            while self._times_s and now_s - self._times_s[0] > _WINDOW_S:
                self._times_s.popleft()
            if len(self._times_s) < 2 or self._times_s[-1] <= self._times_s[0]:
                return 0.0
            return (len(self._times_s) - 1) / (self._times_s[-1] - self._times_s[0])


class TimeMeter:
    """Milliseconds by name, averaged since they were last read. Safe to use from several threads."""

    def __init__(self) -> None:
        self._sums_ms: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def add(self, times_ms: Mapping[str, float]) -> None:
        """Add one frame's times."""
        with self._lock:
            for name, value_ms in times_ms.items():
                total_ms, count = self._sums_ms.get(name, (0.0, 0))
                self._sums_ms[name] = (total_ms + value_ms, count + 1)

    def take_means_ms(self) -> dict[str, float]:
        """The mean of each since the last call."""
        with self._lock:
            sums_ms, self._sums_ms = self._sums_ms, {}
        return {name: total_ms / count for name, (total_ms, count) in sums_ms.items()}


def latency_ms(now_ns: int, stamp_ns: int, since_arrival_ms: float) -> float:
    """Milliseconds from an image's capture to now.

    now_ns, stamp_ns: by the node's clock. since_arrival_ms: time since the image came in, which stands in when the
    stamp is of another clock: that of a recording played without `use_sim_time`, or of an unsynchronized camera.
    """
    since_capture_ms = (now_ns - stamp_ns) * 1e-6
    return since_capture_ms if 0 <= since_capture_ms <= _PLAUSIBLE_LATENCY_MS else since_arrival_ms


class Watchdog:
    """Notices an input that brings no message. timeout_s: 0 never expires."""

    def __init__(self, timeout_s: float, clock_s: Clock) -> None:
        self._timeout_s = timeout_s
        self._clock_s = clock_s
        self._since_s: float | None = None

    def start(self) -> None:
        """Expect messages from now on; also when one has come."""
        self._since_s = self._clock_s()

    def stop(self) -> None:
        """Expect none any more."""
        self._since_s = None

    def expired(self) -> bool:
        """Whether messages are expected and none has come for the timeout."""
        if self._since_s is None or self._timeout_s <= 0:
            return False
        return self._clock_s() - self._since_s > self._timeout_s


class PlaybackClock:
    """Maps this machine's time to the recording's.

    start_ns: the recording's time at which it begins, now. rate: seconds of the recording a second.
    """

    def __init__(self, start_ns: int, rate: float, paused: bool, clock_s: Clock) -> None:
        self._rate = rate
        self.paused = paused
        self._clock_s = clock_s
        self._anchor_ns = start_ns
        self._anchor_s = clock_s()

    def pause(self, paused: bool) -> None:
        """Stop the recording's time, or let it go on."""
        self._anchor_ns = self.now_ns()
        self._anchor_s = self._clock_s()
        self.paused = paused

    def now_ns(self) -> int:
        """The recording's time now."""
        passed_s = 0.0 if self.paused else self._clock_s() - self._anchor_s
        return self._anchor_ns + round(passed_s * self._rate * 1e9)

    def until_s(self, time_ns: int) -> float:
        """Seconds from now until that time of the recording, not above 0 when it is due; infinite while paused."""
        return math.inf if self.paused else (time_ns - self.now_ns()) * 1e-9 / self._rate
