"""Notices an input that has a publisher but brings nothing."""

from __future__ import annotations

from collections.abc import Callable


class SilenceWatch:
    """after_s: how long nothing may come before it counts as silence; 0 never does. clock_s: monotonic seconds."""

    def __init__(self, after_s: float, clock_s: Callable[[], float]) -> None:
        self._after_s = after_s
        self._clock_s = clock_s
        self._since_s: float | None = None

    def start(self) -> None:
        """Listening begins now."""
        self._since_s = self._clock_s()

    def stop(self) -> None:
        """Nobody listens any more, so silence is normal."""
        self._since_s = None

    def heard(self) -> None:
        """A message came."""
        if self._since_s is not None:
            self._since_s = self._clock_s()

    def is_silent(self) -> bool:
        """Whether it has listened in vain for too long."""
        listening = self._since_s is not None and self._after_s > 0
        return listening and self._clock_s() - (self._since_s or 0.0) > self._after_s
