"""The queue between a subscription and the worker, and the worker."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.nodes.frame_queue import FrameQueue, FrameWorker


@given(size=st.integers(1, 5), items=st.lists(st.integers(), min_size=1, max_size=20))
def test_the_newest_stay_in_order_and_the_rest_is_counted(size: int, items: list[int]) -> None:
    queue: FrameQueue[int] = FrameQueue(size)
    for item in items:
        queue.put(item)
    kept = items[-size:]
    assert [queue.get() for _ in kept] == kept
    assert queue.dropped == len(items) - len(kept)


def test_a_closed_queue_gives_nothing_more() -> None:
    queue: FrameQueue[int] = FrameQueue(3)
    queue.put(1)
    queue.close()
    assert queue.get() is None


def test_the_worker_works_until_stopped() -> None:
    done: list[int] = []
    both = threading.Event()

    def work(item: int) -> None:
        done.append(item)
        if len(done) == 2:
            both.set()

    worker = FrameWorker(work, queue_size=2)
    worker.queue.put(1)
    worker.queue.put(2)
    assert both.wait(30.0)
    worker.stop()
    worker.queue.put(3)
    assert done == [1, 2]


def test_stopping_waits_for_the_item_in_work() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work(_: int) -> None:
        begun.set()
        go_on.wait(30.0)
        ended.set()

    worker = FrameWorker(work, queue_size=1)
    worker.queue.put(1)
    assert begun.wait(30.0)
    threading.Timer(0.05, go_on.set).start()
    worker.stop()
    assert ended.is_set()
