"""Images and another detector's messages: never a wrong pair, never out of order, never more than a bounded number."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.bags.stamp_match import TOLERANCE_NS
from pose3d_ros.nodes.stamp_pairing import WAIT_S, WORKING_S, Outcome, Released, StampPairing

MS = 1_000_000
INTERVAL_NS = 33 * MS
START_NS = 1_700_000_000_000_000_000


class Detector:
    """A pairing of images, named by their numbers, with messages; `now_s` is its clock."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.pairing = StampPairing[int, str](lambda: self.now_s)
        self.released: list[Released[int, str]] = []

    def image(self, number: int, at_s: float | None = None, stamp_ns: int | None = None) -> None:
        self.now_s = number * 0.033 if at_s is None else at_s
        self.released += self.pairing.put_image(stamp_of(number) if stamp_ns is None else stamp_ns, number)

    def message(self, number: int, at_s: float | None = None, off_ns: int = 0) -> None:
        self.now_s = self.now_s if at_s is None else at_s
        self.released += self.pairing.put_message(stamp_of(number) + off_ns, f"boxes {number}")

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.released += self.pairing.release()

    @property
    def outcomes(self) -> list[Outcome]:
        return [one.outcome for one in self.released]


def stamp_of(number: int) -> int:
    return START_NS + number * INTERVAL_NS


def test_an_image_waits_for_its_message() -> None:
    one = Detector()
    one.image(0)
    one.wait(0.2)
    assert one.released == []
    one.message(0)
    assert one.released == [Released(0, "boxes 0", Outcome.PAIRED)]
    assert one.pairing.lag_s == pytest.approx(0.2)


def test_a_message_may_come_before_its_image() -> None:
    one = Detector()
    one.message(0)
    one.image(0)
    assert one.released == [Released(0, "boxes 0", Outcome.PAIRED)]


@pytest.mark.parametrize("off_ns", [-TOLERANCE_NS, -MS // 2, MS // 2, TOLERANCE_NS])
def test_a_rounded_stamp_is_that_of_the_nearest_image(off_ns: int) -> None:
    one = Detector()
    one.image(0)
    one.message(0, off_ns=off_ns)
    assert one.outcomes == [Outcome.PAIRED]
    assert one.pairing.offset_ns == off_ns


def test_the_exact_stamp_goes_before_a_near_one() -> None:
    one = Detector()
    one.image(0)
    one.image(1, stamp_ns=stamp_of(0) + MS)
    one.message(0, off_ns=MS)  # of the second image, though near to the first
    assert one.released == [Released(0, None, Outcome.SKIPPED), Released(1, "boxes 0", Outcome.PAIRED)]


def test_images_that_the_detector_left_out_are_skipped_at_the_next_message() -> None:
    one = Detector()
    for number in range(4):
        one.image(number)
    one.message(3)
    assert one.outcomes == [Outcome.SKIPPED] * 3 + [Outcome.PAIRED]


def test_an_image_waits_no_longer_than_the_limit() -> None:
    one = Detector()
    one.image(0)
    one.wait(WAIT_S + 0.01)
    assert one.outcomes == [Outcome.LATE]
    one.message(0)
    assert one.pairing.lag_s == pytest.approx(WAIT_S + 0.01)


def test_nothing_is_waited_for_where_the_detector_does_not_work_until_it_does() -> None:
    one = Detector()
    for number in range(200):
        one.image(number)
        assert (Outcome.ALONE in one.outcomes) == (one.now_s > WORKING_S)
    assert len(one.released) == 200
    one.message(199)  # of an image that did not wait
    one.image(200)
    assert len(one.released) == 200
    one.message(200)
    assert one.released[-1] == Released(200, "boxes 200", Outcome.PAIRED)


def test_a_slow_camera_is_no_broken_detector() -> None:
    one = Detector()
    for number in range(5):
        one.image(number, at_s=10.0 * number)
        one.message(number)
    assert one.outcomes == [Outcome.PAIRED] * 5


def test_a_detector_that_is_too_slow_does_not_work_and_its_lag_is_known() -> None:
    one = Detector()
    for number in range(150):
        one.image(number)
        if number >= 45:
            one.message(number - 45)
    assert not one.pairing.working
    assert one.outcomes[-1] is Outcome.ALONE
    assert one.pairing.lag_s == pytest.approx(45 * 0.033)


@pytest.mark.parametrize("off_ns", [12 * MS, -310 * MS, 3600 * 1000 * MS, -stamp_of(0)])
def test_stamps_of_another_time_fit_nothing(off_ns: int) -> None:
    one = Detector()
    for number in range(200):
        one.image(number)
        one.message(number, off_ns=off_ns if off_ns > -stamp_of(0) else -stamp_of(number))
    assert Outcome.PAIRED not in one.outcomes
    assert not one.pairing.working
    assert one.outcomes[-1] is Outcome.ALONE
    assert one.pairing.offset_ns is not None
    assert abs(one.pairing.offset_ns) > TOLERANCE_NS


def test_messages_that_fit_again_are_waited_for_again() -> None:
    one = Detector()
    for number in range(200):
        one.image(number)
        one.message(number, off_ns=12 * MS)
    for number in range(200, 230):
        one.image(number)
        one.message(number)
    assert one.pairing.working
    assert one.outcomes[-1] is Outcome.PAIRED


def test_a_recording_that_loops_is_paired_in_each_turn() -> None:
    one = Detector()
    for turn in range(3):
        for number in range(100):
            one.image(number, at_s=(100 * turn + number) * 0.033)
            one.message(number)
    assert one.outcomes == [Outcome.PAIRED] * 300


def test_what_waits_is_bounded() -> None:
    one = Detector()
    for number in range(1000):
        one.image(number, at_s=number * 1e-4)
        one.message(10_000 + number)
    assert len(one.pairing._images) <= 32
    assert len(one.pairing._messages) <= 32


EVENTS = st.lists(
    st.tuples(
        st.integers(5, 60),  # ms to the image before
        st.sampled_from(["image", "message", "both", "neither"]),
        st.integers(0, 1500),  # ms by which the message lags
        st.integers(-4, 4),  # ms by which its stamp is off
    ),
    max_size=120,
)


@given(EVENTS)
def test_never_a_wrong_pair_out_of_order_twice_or_without_bound(events: list[tuple[int, str, int, int]]) -> None:
    one = Detector()
    timeline: list[tuple[int, int, str, int]] = []
    time_ms, images = 0, []
    for number, (step_ms, kind, lag_ms, off_ms) in enumerate(events):
        time_ms += step_ms
        stamp_ns = START_NS + time_ms * MS
        if kind in ("image", "both"):
            timeline.append((time_ms, number, "image", stamp_ns))
            images.append(number)
        if kind in ("message", "both"):
            timeline.append((time_ms + lag_ms, number, "message", stamp_ns + off_ms * MS))
    stamps: dict[tuple[str, int], int] = {}
    pairing: StampPairing[int, int] = StampPairing(lambda: one.now_s)
    released: list[Released[int, Any]] = []
    for at_ms, number, kind, stamp_ns in sorted(timeline):
        one.now_s = at_ms / 1000
        stamps[kind, number] = stamp_ns
        put = pairing.put_image if kind == "image" else pairing.put_message
        released += put(stamp_ns, number)
        assert len(pairing._images) <= 32
        assert len(pairing._messages) <= 32
    order = [one.image for one in released]
    assert order == images[: len(order)]
    used = [each.message for each in released if each.outcome is Outcome.PAIRED]
    assert len(used) == len(set(used))
    for each in released:
        assert (each.message is not None) == (each.outcome is Outcome.PAIRED)
        if each.message is not None:
            assert abs(stamps["image", each.image] - stamps["message", each.message]) <= TOLERANCE_NS
    one.now_s += WAIT_S + 0.01
    assert order + [each.image for each in pairing.release()] == images


@given(st.lists(st.tuples(st.integers(5, 60), st.integers(0, 30)), min_size=1, max_size=100))
def test_every_image_is_paired_with_its_own_where_the_detector_keeps_up(steps: list[tuple[int, int]]) -> None:
    one = Detector()
    time_ms = free_ms = 0
    timeline: list[tuple[int, int, int, int]] = []
    for number, (step_ms, work_ms) in enumerate(steps):
        time_ms += step_ms
        free_ms = max(free_ms, time_ms) + min(work_ms, step_ms)
        timeline += [(time_ms, number, 0, time_ms), (free_ms, number, 1, time_ms)]
    for at_ms, number, is_message, stamp_ms in sorted(timeline):
        one.now_s = at_ms / 1000
        put: Any = one.pairing.put_message if is_message else one.pairing.put_image
        one.released += put(START_NS + stamp_ms * MS, str(number) if is_message else number)
    assert [(each.image, each.message) for each in one.released] == [(n, str(n)) for n in range(len(steps))]
