from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from pose3d_ros.nodes.timing import PlaybackClock, RateMeter, TimeMeter, Watchdog, latency_ms


@dataclass
class Clock:
    """Monotonic seconds, set by hand."""

    now_s: float = 50.0

    def __call__(self) -> float:
        return self.now_s


def test_rate_is_number_of_intervals_over_their_duration() -> None:
    clock = Clock()
    meter = RateMeter(clock)
    assert meter.rate_hz() == 0.0
    for _ in range(11):
        meter.tick()
        clock.now_s += 0.1
    assert meter.rate_hz() == pytest.approx(10.0)
    assert meter.total == 11
    clock.now_s += 10.0
    assert meter.rate_hz() == 0.0


def test_times_are_averaged_since_the_last_call() -> None:
    meter = TimeMeter()
    meter.add({"detect": 2.0, "pose": 5.0})
    meter.add({"detect": 4.0})
    assert meter.take_means_ms() == {"detect": 3.0, "pose": 5.0}
    assert meter.take_means_ms() == {}


def test_latency_is_since_capture_if_the_stamp_is_of_the_same_clock() -> None:
    now_ns = 1_000_000_000_000
    assert latency_ms(now_ns, now_ns - 25_000_000, 3.0) == pytest.approx(25.0)
    assert latency_ms(now_ns, 5_000_000_000, 3.0) == 3.0
    assert latency_ms(now_ns, now_ns + 1, 3.0) == 3.0


def test_watchdog_expires_after_its_timeout_and_a_message_restarts_it() -> None:
    clock = Clock()
    watchdog = Watchdog(5.0, clock)
    clock.now_s += 60.0
    assert not watchdog.expired()
    watchdog.start()
    clock.now_s += 4.0
    assert not watchdog.expired()
    clock.now_s += 2.0
    assert watchdog.expired()
    watchdog.start()
    assert not watchdog.expired()
    clock.now_s += 6.0
    watchdog.stop()
    assert not watchdog.expired()
    never = Watchdog(0.0, clock)
    never.start()
    clock.now_s += 1e6
    assert not never.expired()


def test_playback_clock_scales_time_and_stops_while_paused() -> None:
    clock = Clock()
    playback = PlaybackClock(1_000_000_000, 2.0, False, clock)
    assert playback.until_s(5_000_000_000) == pytest.approx(2.0)
    clock.now_s += 0.5
    assert playback.now_ns() == 2_000_000_000
    playback.pause(True)
    clock.now_s += 100.0
    assert playback.now_ns() == 2_000_000_000
    assert playback.until_s(5_000_000_000) == math.inf
    playback.pause(False)
    clock.now_s += 1.0
    assert playback.now_ns() == 4_000_000_000
    assert playback.until_s(3_000_000_000) < 0
