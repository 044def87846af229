"""The one check of numbers from outside: finite, no bool, and not so long that Python's own functions fail."""

from __future__ import annotations

import math
import re
from typing import TypeGuard

_MOST_DIGITS = 40
_WHOLE = re.compile(r"[-+]?[0-9]+")


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a finite int or float; a bool is none, nor is an integer beyond what a float holds."""
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def is_whole(value: object, least: int = 0, most: int = 1 << 62) -> TypeGuard[int]:
    """Whether it is an int, no bool, within these limits."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def number_in(text: str) -> float | None:
    """The finite number that a text is, None for any other text."""
    try:
        value = float(text) if len(text) <= _MOST_DIGITS else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def whole_in(text: str) -> int | None:
    """The integer that a text of up to 40 characters is, in ASCII digits with a sign or without; None for another."""
    return int(text) if len(text) <= _MOST_DIGITS and _WHOLE.fullmatch(text) else None
