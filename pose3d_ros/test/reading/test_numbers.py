"""Numbers from outside: what is none is said to be none, whatever it is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.errors import shown
from pose3d_ros.reading.numbers import is_number, is_whole, number_in, whole_in


@pytest.mark.parametrize("value", [0, -3, 1e-05, 10**300, 1.7e308], ids=shown)
def test_finite_numbers_are_numbers(value: object) -> None:
    assert is_number(value)


@pytest.mark.parametrize("value", [True, None, "1", math.nan, -math.inf, 10**400, -(10**5000), [1.0]], ids=shown)
def test_everything_else_is_none(value: object) -> None:
    assert not is_number(value)


@pytest.mark.parametrize(
    ("value", "whole"), [(0, True), (7, True), (8, False), (-1, False), (True, False), (1.0, False)]
)
def test_whole_number_lies_within_its_limits(value: object, whole: bool) -> None:
    assert is_whole(value, 0, 7) is whole


def test_whole_number_of_many_digits_is_beyond_the_limits() -> None:
    assert not is_whole(10**5000)


@pytest.mark.parametrize("text", ["", "fast", "nan", "inf", "1e999", "1" * 41, "9" * 5000, "1.5.2", "0x10"], ids=shown)
def test_text_that_is_no_finite_number(text: str) -> None:
    assert number_in(text) is None


@pytest.mark.parametrize("text", ["", "two", "1.0", "9" * 5000, "٣", "1_000", " 1"], ids=shown)
def test_text_that_is_no_integer(text: str) -> None:
    assert whole_in(text) is None


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**30), 10**30))
def test_texts_of_numbers_read_back(real: float, whole: int) -> None:
    assert number_in(repr(real)) == real
    assert whole_in(str(whole)) == whole


@given(st.text())
def test_any_text_is_a_number_or_none(text: str) -> None:
    assert number_in(text) is None or math.isfinite(number_in(text) or 0.0)
    assert whole_in(text) is None or text.lstrip("+-").isdecimal()
