from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pose3d_ros.nodes.input_rate import InputRate, Shortfall, SlowInput


@dataclass
class Stream:
    """An input by a clock set by hand: second after second at a rate, with a check at the end of each."""

    now_s: float = 100.0
    lost: int = 0

    def __post_init__(self) -> None:
        self.rate = InputRate(lambda: self.now_s)

    def run(
        self, seconds: int, rate_hz: int, companions_hz: int = 0, lost_hz: int = 0, minimum_hz: float = 0.0
    ) -> Iterator[SlowInput | None]:
        for _ in range(seconds):
            for number in range(1000):
                self.now_s += 0.001
                if rate_hz and number % (1000 // rate_hz) == 0:
                    self.rate.tick()
                if companions_hz and number % (1000 // companions_hz) == 0:
                    self.rate.tick_companion()
            self.lost += lost_hz
            yield self.rate.slow(minimum_hz, self.lost)

    def causes(self, *arguments: int, **named: Any) -> list[Shortfall | None]:
        return [None if slow is None else slow.cause for slow in self.run(*arguments, **named)]


def near(value_hz: float) -> Any:
    return pytest.approx(value_hz, abs=0.5)


def test_steady_stream_with_its_camera_info_is_not_slow() -> None:
    assert set(Stream().causes(60, 20, companions_hz=20)) == {None}


@pytest.mark.parametrize(("seconds", "rate_hz"), [(60, 1), (60, 0)])
def test_rare_messages_alone_are_not_slow(seconds: int, rate_hz: int) -> None:
    assert set(Stream().causes(seconds, rate_hz)) == {None}


def test_input_slower_than_its_camera_info_is_slow_until_it_is_not() -> None:
    stream = Stream()
    assert set(stream.causes(4, 20, companions_hz=50)) == {None}  # the first seconds
    assert stream.causes(10, 20, companions_hz=50)[1:] == [Shortfall.COMPANION] * 9
    assert stream.causes(10, 50, companions_hz=50)[5:] == [None] * 5


def test_a_third_of_the_messages_is_missing() -> None:
    stream = Stream()
    (*_, last) = stream.run(10, 20, companions_hz=25)
    assert last is None
    (*_, last) = stream.run(10, 10, companions_hz=20)
    assert last == SlowInput(Shortfall.COMPANION, near(10.0), near(20.0))


def test_input_slower_than_before_is_slow_until_it_is_the_usual_again() -> None:
    stream = Stream()
    assert set(stream.causes(20, 25)) == {None}
    assert Shortfall.PAST not in stream.causes(20, 20)
    assert stream.causes(20, 10)[5:] == [Shortfall.PAST] * 15
    assert stream.causes(20, 25)[5:] == [None] * 15
    assert Shortfall.PAST in stream.causes(20, 5)
    assert stream.causes(400, 5)[300:] == [None] * 100  # five minutes later it is the usual


def test_input_below_the_given_minimum_is_slow_and_nothing_else_is_compared() -> None:
    stream = Stream()
    assert stream.causes(10, 10, companions_hz=50, minimum_hz=8.0) == [None] * 10
    assert stream.causes(10, 5, companions_hz=50, minimum_hz=8.0)[5:] == [Shortfall.MINIMUM] * 5
    assert stream.causes(10, 10, companions_hz=50, minimum_hz=8.0)[5:] == [None] * 5


def test_messages_that_dds_lost_are_the_cause() -> None:
    stream = Stream()
    assert set(stream.causes(10, 20)) == {None}
    assert stream.causes(10, 20, lost_hz=1) == [None] * 10  # one in twenty
    (*_, last) = stream.run(10, 20, lost_hz=10, companions_hz=50, minimum_hz=40.0)
    assert last == SlowInput(Shortfall.LOST, near(20.0), near(30.0))
    assert stream.causes(10, 20)[6:] == [None] * 4


def test_restart_forgets_what_was() -> None:
    stream = Stream()
    assert set(stream.causes(20, 25)) == {None}
    stream.rate.restart()
    assert set(stream.causes(20, 5)) == {None}
