from __future__ import annotations

import pytest

from pose3d_ros.viewer.timeline import Timeline


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_plays_from_the_start_at_its_rate_and_stays_at_its_end(clock: Clock) -> None:
    timeline = Timeline(10.0, clock)
    clock.now_s += 3
    assert timeline.now_s == 3.0
    timeline.set_rate(2.0)
    clock.now_s += 1
    assert timeline.now_s == 5.0
    clock.now_s += 60
    assert (timeline.now_s, timeline.has_ended) == (10.0, True)


def test_pause_holds_and_play_goes_on_there(clock: Clock) -> None:
    timeline = Timeline(10.0, clock)
    clock.now_s += 4
    timeline.pause()
    clock.now_s += 20
    assert (timeline.now_s, timeline.playing) == (4.0, False)
    timeline.play()
    clock.now_s += 1
    assert timeline.now_s == 5.0


def test_play_at_the_end_begins_anew(clock: Clock) -> None:
    timeline = Timeline(10.0, clock)
    clock.now_s += 11
    timeline.play()
    assert timeline.now_s == 0.0


def test_seek_stays_within_the_recording(clock: Clock) -> None:
    timeline = Timeline(10.0, clock)
    timeline.pause()
    for wanted, found in ((7.5, 7.5), (-1.0, 0.0), (99.0, 10.0)):
        timeline.seek(wanted)
        assert timeline.now_s == found


def test_growing_recording_is_waited_for_at_its_end(clock: Clock) -> None:
    timeline = Timeline(1.0, clock, is_whole=False)
    clock.now_s += 5
    assert (timeline.now_s, timeline.has_ended) == (1.0, False)
    timeline.grow(3.0)
    clock.now_s += 0.5
    assert timeline.now_s == 1.5  # it goes on from there, and does not jump over what has come
    timeline.grow(2.0)
    assert timeline.length_s == 3.0
