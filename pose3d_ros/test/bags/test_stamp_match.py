"""The nearest stamp, within the tolerance of rounding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.bags.stamp_match import TOLERANCE_NS, nearest_stamp


@pytest.mark.parametrize(
    ("stamp", "index"),
    [(100, 0), (100 + TOLERANCE_NS, 0), (101 + TOLERANCE_NS, None), (10**9, 1), (10**9 - TOLERANCE_NS - 1, None)],
)
def test_nearest_within_the_tolerance(stamp: int, index: int | None) -> None:
    assert nearest_stamp(stamp, [100, 10**9]) == index


def test_none_of_no_stamps_and_any_without_a_limit() -> None:
    assert nearest_stamp(5, []) is None
    assert nearest_stamp(5, [], limit_ns=None) is None
    assert nearest_stamp(10**18, [1, 2], limit_ns=None) == 1


@given(st.integers(0, 2**62), st.lists(st.integers(0, 2**62), min_size=1))
def test_no_other_is_nearer(stamp: int, stamps: list[int]) -> None:
    at = nearest_stamp(stamp, stamps, limit_ns=None)
    assert at is not None
    assert abs(stamps[at] - stamp) == min(abs(one - stamp) for one in stamps)
