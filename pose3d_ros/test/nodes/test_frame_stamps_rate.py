"""Images above a rate are left out evenly, whatever their stamps do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.nodes.frame_stamps import RateLimit

MS = 1_000_000


def kept_ms(stamps_ms: Sequence[float], max_rate_hz: float) -> tuple[list[float], int]:
    limit = RateLimit()
    kept = [stamp for stamp in stamps_ms if limit.passes(round(stamp * MS), max_rate_hz)]
    assert len(kept) + limit.skipped == len(stamps_ms)
    return kept, limit.skipped


@pytest.mark.parametrize("max_rate_hz", [0.0, 30.0, 31.0, 100.0])
def test_every_image_passes_without_a_limit_or_below_it(max_rate_hz: float) -> None:
    assert kept_ms([5000 + i * 1000 / 30 for i in range(90)], max_rate_hz)[1] == 0


def test_every_third_image_of_a_steady_camera() -> None:
    stamps_ms = [5000 + i * 1000 / 30 for i in range(300)]
    assert kept_ms(stamps_ms, 10.0)[0] == stamps_ms[::3]


def test_rate_that_divides_nothing_is_kept_evenly() -> None:
    stamps_ms = [5000 + i * 1000 / 30 for i in range(301)]
    kept, _ = kept_ms(stamps_ms, 20.0)
    assert len(kept) == pytest.approx(200, abs=2)
    assert {round((b - a) * 30 / 1000) for a, b in pairwise(kept)} == {1, 2}


@given(st.lists(st.floats(-8.0, 8.0), min_size=60, max_size=200), st.sampled_from([5.0, 7.5, 10.0, 15.0]))
def test_uneven_stamps_keep_the_rate_and_even_distances(jitter_ms: list[float], max_rate_hz: float) -> None:
    stamps_ms = [5000 + i * 1000 / 30 + jitter for i, jitter in enumerate(jitter_ms)]
    kept, _ = kept_ms(stamps_ms, max_rate_hz)
    period_ms = 1000 / max_rate_hz
    assert len(kept) == pytest.approx(len(jitter_ms) / 30 * max_rate_hz, abs=2)
    assert all(abs(b - a - period_ms) <= 60 for a, b in pairwise(kept))


def test_clock_that_jumps_begins_anew() -> None:
    back = [5000, 5010, 5100, 900, 910, 1000]
    assert kept_ms(back, 10.0) == ([5000, 5100, 900, 1000], 2)
    ahead = [5000, 5010, 90000, 90010, 90100]
    assert kept_ms(ahead, 10.0) == ([5000, 90000, 90100], 2)


def test_pause_gives_no_credit_for_a_burst() -> None:
    stamps_ms = [5000.0, *(9000.0 + 10 * i for i in range(50))]
    assert len(kept_ms(stamps_ms, 10.0)[0]) == 6


def test_other_rate_holds_from_the_next_image_on() -> None:
    limit = RateLimit()
    assert [limit.passes(round(t * MS), 0.1) for t in (5000, 5100, 5200)] == [True, False, False]
    assert [limit.passes(round(t * MS), 10.0) for t in (5300, 5350, 5400)] == [True, False, True]
    assert [limit.passes(round(t * MS), 0.0) for t in (5401, 5402)] == [True, True]
    assert limit.skipped == 3
