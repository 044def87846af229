"""The time of a recording that is shown: playing, paused, moved; nothing of a browser."""

from __future__ import annotations

from collections.abc import Callable


class Timeline:
    """Seconds of a recording, from 0 to `length_s`, which may grow. rate: seconds of it a second. It begins playing.

    clock_s: monotonic seconds. is_whole: whether the recording grows no more; until then it waits at its end.
    """

    def __init__(self, length_s: float, clock_s: Callable[[], float], *, is_whole: bool = True) -> None:
        self._length_s, self._clock_s, self.is_whole = length_s, clock_s, is_whole
        self._rate, self._at_s, self._since_s = 1.0, 0.0, clock_s()
        self.playing = True

    @property
    def length_s(self) -> float:
        """Of the recording so far."""
        return self._length_s

    @property
    def now_s(self) -> float:
        """The time that is shown."""
        passed_s = (self._clock_s() - self._since_s) * self._rate if self.playing else 0.0
        return min(max(0.0, self._at_s + passed_s), self._length_s)

    def grow(self, length_s: float) -> None:
        """The recording has become longer."""
        self.seek(self.now_s)
        self._length_s = max(length_s, self._length_s)

    def seek(self, time_s: float) -> None:
        """Go to a time."""
        self._at_s, self._since_s = min(max(0.0, time_s), self._length_s), self._clock_s()

    def play(self) -> None:
        """Go on; from the start where the end was reached."""
        self.seek(0.0 if self.has_ended else self.now_s)
        self.playing = True

    def pause(self) -> None:
        """Stay where it is."""
        self.seek(self.now_s)
        self.playing = False

    def set_rate(self, rate: float) -> None:
        """Slower or faster from now on."""
        self.seek(self.now_s)
        self._rate = rate

    @property
    def has_ended(self) -> bool:
        """Whether the end of the whole recording is shown."""
        return self.is_whole and self.now_s >= self._length_s
