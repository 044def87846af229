"""The worker behind a subscription, and its queue."""

from __future__ import annotations

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.nodes.frame_queue import FrameWorker

DEADLINE_S = 30.0


class Gate:
    """Work that waits, at its first item, until it is let go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.done: list[int] = []

    def __call__(self, item: int) -> None:
        self.begun.set()
        assert self.go_on.wait(DEADLINE_S)
        self.done.append(item)


@settings(deadline=None)
@given(size=st.integers(1, 5), items=st.lists(st.integers(), min_size=1, max_size=20))
def test_the_newest_stay_in_order_and_the_dropped_are_counted(size: int, items: list[int]) -> None:
    finished, done = threading.Event(), []
    gate = Gate()

    def work(item: int) -> None:
        gate(item)
        done.append(item)
        if len(done) == 1 + len(items[-size:]):
            finished.set()

    worker = FrameWorker(work, size)
    worker.put(-1)
    assert gate.begun.wait(DEADLINE_S)
    for item in items:
        worker.put(item)
    gate.go_on.set()
    assert finished.wait(DEADLINE_S)
    worker.stop()
    assert done == [-1, *items[-size:]]
    assert worker.dropped == max(0, len(items) - size)


def test_stopping_waits_for_the_item_in_work_and_forgets_the_rest() -> None:
    gate = Gate()
    worker = FrameWorker(gate, queue_size=2)
    worker.put(1)
    assert gate.begun.wait(DEADLINE_S)
    worker.put(2)
    threading.Timer(0.05, gate.go_on.set).start()
    worker.stop()
    worker.put(3)
    assert gate.done == [1]
