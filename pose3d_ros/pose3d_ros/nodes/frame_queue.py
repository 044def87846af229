"""The place between a subscription and the thread that works: the latest frames, late ones dropped and counted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class FrameQueue(Generic[_T]):
    """A bounded first-in first-out queue that drops its oldest item when it is full.

    size 1 keeps the latest item only. Safe to use from several threads.
    """

    def __init__(self, size: int) -> None:
        self._items: deque[_T] = deque()
        self._size = size
        self._closed = False
        self._dropped = 0
        self._changed = threading.Condition()

    @property
    def dropped(self) -> int:
        """Items that a newer one pushed out."""
        return self._dropped

    def put(self, item: _T) -> None:
        """Add an item; the oldest one goes when there is no room."""
        with self._changed:
            if len(self._items) >= self._size:
                self._items.popleft()
                self._dropped += 1
            self._items.append(item)
            self._changed.notify()

    def get(self) -> _T | None:
        """The oldest item, waiting for one; None once the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed)
            return None if self._closed else self._items.popleft()

    def clear(self) -> None:
        """Forget what waits, without counting it as dropped."""
        with self._changed:
            self._items.clear()

    def close(self) -> None:
        """Wake the reader for good; what still waits is forgotten."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()


class FrameWorker(Generic[_T]):
    """A thread that hands each queued item to `work`, so that a subscription's callback returns at once.

    work: must handle its own errors; it is never called after `stop` returned.
    """

    def __init__(self, work: Callable[[_T], None], queue_size: int) -> None:
        self.queue: FrameQueue[_T] = FrameQueue(queue_size)
        self._work = work
        self._thread = threading.Thread(target=self._run, name="pose3d-worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the item in work."""
        self.queue.close()
        self._thread.join()

    def _run(self) -> None:
        while (item := self.queue.get()) is not None:
            self._work(item)
