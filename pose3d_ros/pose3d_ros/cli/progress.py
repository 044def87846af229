"""A progress bar on stderr, silent where stderr is no terminal."""

from __future__ import annotations

import sys
import time
from typing import TextIO

_WIDTH = 28
_PERIOD_S = 0.1


class ProgressBar:
    """Call it with (done, all); all may be None while it is not known. `close` takes the line away.

    unit: what is counted. stream: where to draw, stderr unless given.
    """

    def __init__(self, title: str, unit: str = "frames", stream: TextIO | None = None) -> None:
        self._title, self._unit = title, unit
        self._stream = sys.stderr if stream is None else stream
        self._shown = self._stream.isatty()
        self._started_s = time.monotonic()
        self._drawn_s = 0.0
        self._length = 0

    def __call__(self, done: int, total: int | None) -> None:
        now_s = time.monotonic()
        if not self._shown or (now_s - self._drawn_s < _PERIOD_S and done != total):
            return
        self._drawn_s = now_s
        self._draw(progress_line(self._title, self._unit, done, total, now_s - self._started_s))
        if done == total:
            self.close()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self.close()
        print(text, file=self._stream, flush=True)

    def close(self) -> None:
        """Take the bar away; a later call draws it again."""
        if self._length:
            self._stream.write("\r" + " " * self._length + "\r")
            self._stream.flush()
            self._length = 0

    def _draw(self, line: str) -> None:
        self._stream.write("\r" + line.ljust(self._length))
        self._stream.flush()
        self._length = len(line)


def progress_line(title: str, unit: str, done: int, total: int | None, seconds: float) -> str:
    """The bar as text, with the rate and, where the end is known, the time that is left."""
    rate = done / seconds if seconds > 0 else 0.0
    if not total:
        return f"{title}  {done} {unit}, {rate:.1f}/s"
    filled = round(_WIDTH * min(done / total, 1.0))
    left = f", {max(total - done, 0) / rate:.0f} s left" if rate > 0 and done < total else ""
    return f"{title}  {'█' * filled}{'░' * (_WIDTH - filled)}  {done}/{total} {unit}{left}"
