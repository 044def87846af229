"""The queue between a subscription and the thread that works: the latest frames, late ones dropped and counted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class FrameWorker(Generic[_T]):
    """A thread that hands queued items to `work`, so that a subscription's callback returns at once.

    The queue drops its oldest item when it is full; size 1 keeps the latest only. dropped: how many went so. work:
    must handle its own errors; it is never called after `stop` returned.
    """

    def __init__(self, work: Callable[[_T], None], queue_size: int) -> None:
        self.dropped = 0
        self._work = work
        self._size = queue_size
        self._items: deque[_T] = deque()
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="pose3d-worker", daemon=True)
        self._thread.start()

    def put(self, item: _T) -> None:
        """Add an item; the oldest one goes when there is no room."""
        with self._changed:
            if len(self._items) >= self._size:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            self._changed.notify()

    def stop(self) -> None:
        """End the thread after the item in work; items still queued are discarded."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._stopped)
                if self._stopped:
                    return
                item = self._items.popleft()
            self._work(item)
