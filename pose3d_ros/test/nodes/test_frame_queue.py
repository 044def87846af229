from __future__ import annotations

import threading
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.nodes.frame_queue import FrameQueue, FrameWorker, own_queue

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
    worker = own_queue(gate, size)
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
    worker = own_queue(gate, 2)
    worker.put(1)
    assert gate.begun.wait(DEADLINE_S)
    worker.put(2)
    threading.Timer(0.05, gate.go_on.set).start()
    worker.stop()
    worker.put(3)
    assert gate.done == [1]


class Cameras:
    """Queues of one worker, whose first item is held until `go`: what is put meanwhile waits."""

    def __init__(self, *sizes: int) -> None:
        self.held, self.go_on = threading.Event(), threading.Event()
        self.done: list[tuple[int, int]] = []
        self.changed = threading.Condition()
        self.worker = FrameWorker()
        self.queues: list[FrameQueue] = [
            self.worker.queue(partial(self.work, camera), size) for camera, size in enumerate(sizes)
        ]
        self.queues[0].put(-1)
        assert self.held.wait(DEADLINE_S)

    def work(self, camera: int, item: int) -> None:
        self.held.set()
        assert self.go_on.wait(DEADLINE_S)
        with self.changed:
            self.done.append((camera, item))
            self.changed.notify_all()
        if item == BROKEN:
            raise ValueError("broken")

    def go(self, count: int) -> list[tuple[int, int]]:
        """Let it work until it has done so many more; which they were."""
        self.go_on.set()
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.done) == 1 + count, DEADLINE_S)
        self.worker.stop()
        return self.done[1:]


BROKEN = 99


def test_queues_have_their_items_worked_on_in_turn_however_many_wait() -> None:
    cameras = Cameras(5, 5, 5)
    for item in range(5):
        cameras.queues[0].put(item)
    cameras.queues[1].put(10)
    cameras.queues[2].put(20)
    cameras.queues[2].put(21)
    # The busy camera had its turn before the others came.
    assert cameras.go(8) == [(1, 10), (2, 20), (0, 0), (2, 21), (0, 1), (0, 2), (0, 3), (0, 4)]


@settings(deadline=None)
@given(waiting=st.lists(st.integers(0, 6), min_size=2, max_size=5))
def test_no_queue_waits_for_more_than_one_item_of_each_other(waiting: list[int]) -> None:
    cameras = Cameras(*[10] * len(waiting))
    for camera, count in enumerate(waiting):
        for item in range(count):
            cameras.queues[camera].put(item)
    done = cameras.go(sum(waiting))
    for camera, count in enumerate(waiting):
        turns = [i for i, (of, _) in enumerate(done) if of == camera]
        assert [item for of, item in done if of == camera] == list(range(count))
        between = [done[a + 1 : b] for a, b in zip([-1, *turns], turns, strict=False)]
        assert all(len({of for of, _ in others}) == len(others) for others in between)


def test_each_queue_drops_and_counts_its_own() -> None:
    cameras = Cameras(1, 1)
    for item in range(4):
        cameras.queues[0].put(item)
    cameras.queues[1].put(7)
    assert cameras.go(2) == [(1, 7), (0, 3)]
    assert [queue.dropped for queue in cameras.queues] == [3, 0]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_error_in_one_queues_work_is_shown_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: shown.append(args.exc_value))
    cameras = Cameras(2, 2)
    cameras.queues[0].put(BROKEN)
    cameras.queues[1].put(1)
    cameras.queues[0].put(2)
    assert cameras.go(3) == [(1, 1), (0, BROKEN), (0, 2)]
    assert [str(error) for error in shown] == ["broken"]


def test_stopped_queue_leaves_the_others_working() -> None:
    cameras = Cameras(2, 2)
    cameras.queues[0].put(1)
    cameras.queues[1].put(2)
    stopper = threading.Thread(target=cameras.queues[0].stop)
    stopper.start()
    assert cameras.go(1) == [(1, 2)]
    stopper.join(DEADLINE_S)
    assert not stopper.is_alive()
    cameras.queues[0].put(3)
    assert len(cameras.done) == 2
