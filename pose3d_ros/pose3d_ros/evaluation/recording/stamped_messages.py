"""The messages of a bag's topic by their stamps, read as far as they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.message_records import stamp_ns
from pose3d_ros.bags.stamp_match import nearest_stamp

_APART_NS = 200_000_000
"""How far messages of a recording may be out of order."""


class StampedMessages:
    """Of a topic, in a bag of its own: depth of an hour does not fit into memory. Without a path there is none."""

    def __init__(self, path: Path | None = None, topic: str = "") -> None:
        self._known: dict[int, Any] = {}
        self._coming = iter(()) if path is None else _messages(path, topic)

    def at(self, time_ns: int, tolerance_ns: int = 0) -> Any | None:
        """The message of that time, no earlier than the last; None without one.

        Reads on until a little after it, and forgets what was a little before. Raises BagError for a damaged bag.
        """
        while max(self._known, default=-1) < time_ns + _APART_NS:
            found = next(self._coming, None)
            if found is None:
                break
            self._known[found[0]] = found[1]
        self._known = {at_ns: one for at_ns, one in self._known.items() if at_ns >= time_ns - _APART_NS}
        stamps = list(self._known)
        at = nearest_stamp(time_ns, stamps, tolerance_ns)
        return None if at is None else self._known[stamps[at]]


def _messages(path: Path, topic: str) -> Iterator[tuple[int, Any]]:
    with BagReader(path) as bag:
        yield from bag.records(topic, lambda _, message: (stamp_ns(message.header), message))
