"""Which stamp is meant by one that may have been rounded on its way."""

from __future__ import annotations

from collections.abc import Sequence

TOLERANCE_NS = 2_000_000
"""Of stamps that were rounded to milliseconds or to a float of seconds. More would pair images with what another
node publishes at that moment: at 30 images a second a fifth of all times are within 3 ms of an image."""


def nearest_stamp(stamp_ns: int, stamps_ns: Sequence[int], limit_ns: int | None = TOLERANCE_NS) -> int | None:
    """The index of the nearest one, the first of several; None where none is within the limit, if there is one."""
    at = min(range(len(stamps_ns)), key=lambda i: abs(stamps_ns[i] - stamp_ns), default=None)
    if at is None or (limit_ns is not None and abs(stamps_ns[at] - stamp_ns) > limit_ns):
        return None
    return at
