from __future__ import annotations

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.nodes.frame_queue import FrameWorker

DEADLINE_S = 30.0


class Gate:
    """Work that waits, at its first item, until it is let go on."""

    def __init__(self) -> None:
        self.begun, self.go_on, self.finished = threading.Event(), threading.Event(), threading.Event()
        self.done: list[int] = []

    def __call__(self, item: int) -> None:
        self.begun.set()
        assert self.go_on.wait(DEADLINE_S)
        self.done.append(item)
        if item == 0:
            self.finished.set()


@settings(deadline=None)
@given(size=st.integers(1, 5), items=st.lists(st.integers(1), max_size=20))
def test_full_queue_drops_and_counts_the_oldest_items(size: int, items: list[int]) -> None:
    gate = Gate()
    worker = FrameWorker(gate, size)
    worker.put(-1)
    assert gate.begun.wait(DEADLINE_S)
    for item in (queued := [*items, 0]):
        worker.put(item)
    gate.go_on.set()
    assert gate.finished.wait(DEADLINE_S)
    worker.stop()
    assert gate.done == [-1, *queued[-size:]]
    assert worker.dropped == max(0, len(queued) - size)


def test_stop_waits_for_the_current_item_and_discards_the_rest() -> None:
    gate = Gate()
    worker = FrameWorker(gate, queue_size=2)
    worker.put(1)
    assert gate.begun.wait(DEADLINE_S)
    worker.put(2)
    threading.Timer(0.05, gate.go_on.set).start()
    worker.stop()
    worker.put(3)
    assert gate.done == [1]
