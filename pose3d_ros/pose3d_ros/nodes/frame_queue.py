"""Queues between subscriptions and the thread that works: the latest frames, late ones dropped and counted.

A node by itself has a thread with one queue (`own_queue`); cameras of one process share a thread that takes turns.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

Work = Callable[[Any], None]


class FrameQueue(Protocol):
    """What a node's subscription needs."""

    @property
    def dropped(self) -> int:
        """How many items went because there was no room."""

    def put(self, item: Any) -> None:
        """Add an item; the oldest one goes when there is no room."""

    def stop(self) -> None:
        """End the item in work; items still queued are discarded, and no work is called after this returned."""


MakeQueue = Callable[[Work, int], FrameQueue]
"""Makes the queue of (work, size): work handles its own errors; size 1 keeps the latest item only."""


def own_queue(work: Work, size: int) -> FrameQueue:
    """A queue with a thread of its own, which ends with it."""
    return _OwnQueue(work, size)


class FrameWorker:
    """A thread that works on the items of several queues, one of each in turn (round robin).

    A queue that always has an item waits for one item of each other queue at most, whatever the rates, and an error in
    one queue's work is printed and ends nothing. during: a context that every item is worked on in.
    """

    def __init__(self, during: AbstractContextManager[object] | None = None) -> None:
        self._during = during or nullcontext()
        self._queues: deque[_Turns] = deque()
        self._stopped = False
        self.changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="pose3d-worker", daemon=True)
        self._thread.start()

    def queue(self, work: Work, size: int) -> FrameQueue:
        """One more queue, which has its turn after the others."""
        made = _Turns(self, work, size)
        with self.changed:
            self._queues.append(made)
        return made

    def remove(self, queue: _Turns) -> None:
        """Take a queue out; `changed` is held."""
        self._queues.remove(queue)

    def stop(self) -> None:
        """End the thread after the item in work."""
        with self.changed:
            self._stopped = True
            self.changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self._stopped or any(queue.items for queue in self._queues))
                if self._stopped:
                    return
                queue = self._next()
                item = queue.items.popleft()
            try:
                with self._during:
                    queue.work(item)
            except Exception:  # one camera's: the others' frames must come
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), self._thread)))
            finally:
                with self.changed:
                    queue.busy = False
                    self.changed.notify_all()

    def _next(self) -> _Turns:
        """The queue that waited longest of those with an item; the last one of all from now on."""
        queue = next(queue for queue in self._queues if queue.items)
        self._queues.remove(queue)
        self._queues.append(queue)
        queue.busy = True
        return queue


class _Turns:
    """See FrameQueue; one of a `FrameWorker`'s."""

    def __init__(self, worker: FrameWorker, work: Work, size: int) -> None:
        self.work, self.dropped, self.busy = work, 0, False
        self.items: deque[Any] = deque()
        self._worker, self._size, self._open = worker, size, True

    def put(self, item: Any) -> None:
        with self._worker.changed:
            if not self._open:
                return
            if len(self.items) >= self._size:
                self.items.popleft()
                self.dropped += 1
            self.items.append(item)
            self._worker.changed.notify_all()

    def stop(self) -> None:
        with self._worker.changed:
            if self._open:
                self._open = False
                self.items.clear()
                self._worker.remove(self)
            self._worker.changed.wait_for(lambda: not self.busy)


class _OwnQueue:
    """See `own_queue`."""

    def __init__(self, work: Work, size: int) -> None:
        self._worker = FrameWorker()
        self._queue = self._worker.queue(work, size)

    @property
    def dropped(self) -> int:
        return self._queue.dropped

    def put(self, item: Any) -> None:
        self._queue.put(item)

    def stop(self) -> None:
        self._queue.stop()
        self._worker.stop()
