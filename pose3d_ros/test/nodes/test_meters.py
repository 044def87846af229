"""Rates, times, latency, silence and the time of a recording, by a clock set by hand."""

from __future__ import annotations

import math

import pytest

from pose3d_ros.nodes.meters import RateMeter, TimeMeter, latency_ms
from pose3d_ros.nodes.pace import Pace
from pose3d_ros.nodes.silence import SilenceWatch


class Clock:
    def __init__(self) -> None:
        self.now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def test_rate_is_intervals_over_time() -> None:
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


def test_times_are_averaged_between_readings() -> None:
    meter = TimeMeter()
    meter.add({"detect": 2.0, "pose": 5.0})
    meter.add({"detect": 4.0})
    assert meter.take_means_ms() == {"detect": 3.0, "pose": 5.0}
    assert meter.take_means_ms() == {}


def test_latency_is_since_capture_by_the_same_clock_only() -> None:
    now_ns = 1_000_000_000_000
    assert latency_ms(now_ns, now_ns - 25_000_000, 3.0) == pytest.approx(25.0)
    assert latency_ms(now_ns, 5_000_000_000, 3.0) == 3.0
    assert latency_ms(now_ns, now_ns + 1, 3.0) == 3.0


def test_silence_begins_after_its_time_and_ends_with_a_message() -> None:
    clock = Clock()
    watch = SilenceWatch(5.0, clock)
    clock.now_s += 60.0
    assert not watch.is_silent()
    watch.start()
    clock.now_s += 4.0
    assert not watch.is_silent()
    clock.now_s += 2.0
    assert watch.is_silent()
    watch.heard()
    assert not watch.is_silent()
    clock.now_s += 6.0
    watch.stop()
    assert not watch.is_silent()


def test_silence_can_be_switched_off() -> None:
    clock = Clock()
    watch = SilenceWatch(0.0, clock)
    watch.start()
    clock.now_s += 1e6
    assert not watch.is_silent()


def test_pace_scales_time_and_stands_still_while_paused() -> None:
    clock = Clock()
    pace = Pace(1_000_000_000, 2.0, False, clock)
    assert pace.until_s(5_000_000_000) == pytest.approx(2.0)
    clock.now_s += 0.5
    assert pace.now_ns() == 2_000_000_000
    pace.pause(True)
    clock.now_s += 100.0
    assert pace.now_ns() == 2_000_000_000
    assert pace.until_s(5_000_000_000) == math.inf
    pace.pause(False)
    clock.now_s += 1.0
    assert pace.now_ns() == 4_000_000_000
    assert pace.until_s(3_000_000_000) < 0
