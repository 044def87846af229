"""Messages handed on in memory between nodes of one process, which rclpy always serializes and sends.

A writer calls its readers with the message itself, in the thread that publishes it. Others get the same message from
DDS; nothing is sent where there are none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from pose3d_ros.nodes.fitted_subscription import FittedSubscription

_Callback = Callable[[Any], None]


class LocalTopics:
    """Who writes and who reads each topic in this process, by its resolved name. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writers: list[LocalWriter] = []
        self._readers: list[LocalReader] = []

    def writer(self, topic: str) -> LocalWriter:
        """One more writer; close it."""
        made = LocalWriter(self, topic)
        with self._lock:
            self._writers.append(made)
        return made

    def reader(self, topic: str, callback: _Callback) -> LocalReader:
        """One more reader; close it."""
        made = LocalReader(self, topic, callback)
        with self._lock:
            self._readers.append(made)
        return made

    def is_written(self, topic: str) -> bool:
        """Whether the topic has a writer in this process."""
        with self._lock:
            return any(writer.topic == topic for writer in self._writers)

    def readers(self, topic: str) -> list[LocalReader]:
        """The topic's readers in this process."""
        with self._lock:
            return [reader for reader in self._readers if reader.topic == topic]

    def leave(self, one: LocalWriter | LocalReader) -> None:
        """Forget one that was closed."""
        with self._lock:
            self._writers = [writer for writer in self._writers if writer is not one]
            self._readers = [reader for reader in self._readers if reader is not one]


class LocalWriter:
    """See `LocalTopics.writer`."""

    def __init__(self, topics: LocalTopics, topic: str) -> None:
        self._topics, self.topic = topics, topic

    @property
    def has_readers(self) -> bool:
        """Whether anyone in this process reads the topic."""
        return bool(self._topics.readers(self.topic))

    def hand_over(self, message: Any) -> None:
        """Call each reader. The message may change afterwards; readers must not change it."""
        for reader in self._topics.readers(self.topic):
            reader.callback(message)

    def close(self) -> None:
        """Readers look for the topic elsewhere from now on."""
        self._topics.leave(self)


class LocalReader:
    """See `LocalTopics.reader`. A call that is under way ends after `close`."""

    def __init__(self, topics: LocalTopics, topic: str, callback: _Callback) -> None:
        self._topics, self.topic, self.callback = topics, topic, callback

    def close(self) -> None:
        """Begin no more calls."""
        self._topics.leave(self)


class LinkedSubscription:
    """Reads a topic in memory while it has a writer in this process, else by DDS; `refit` follows the change.

    callback: called in the writer's thread, or in the one that spins the node. subscribe: makes the subscription.
    """

    def __init__(
        self, topics: LocalTopics, topic: str, callback: _Callback, subscribe: Callable[[], FittedSubscription]
    ) -> None:
        self._topics, self._topic, self._callback, self._subscribe = topics, topic, callback, subscribe
        self._reader: LocalReader | None = None
        self._fitted: FittedSubscription | None = None
        self.refit()

    @property
    def in_memory(self) -> bool:
        """Whether messages come in memory at the moment."""
        return self._reader is not None

    @property
    def lost(self) -> int:
        """How many messages DDS knows to have lost."""
        return 0 if self._fitted is None else self._fitted.lost

    def refit(self) -> None:
        """Follow the topic's writers and publishers."""
        written = self._topics.is_written(self._topic)
        if written and self._reader is None:
            self.close()
            self._reader = self._topics.reader(self._topic, self._callback)
        elif not written and self._fitted is None:
            self.close()
            self._fitted = self._subscribe()
        elif self._fitted is not None:
            self._fitted.refit()

    def unfitting(self) -> bool:
        """See `FittedSubscription.unfitting`."""
        return self._fitted is not None and self._fitted.unfitting()

    def close(self) -> None:
        """Unsubscribe."""
        for one in (self._reader, self._fitted):
            if one is not None:
                one.close()
        self._reader = self._fitted = None
