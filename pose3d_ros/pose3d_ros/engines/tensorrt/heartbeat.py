"""A sign of life while something takes minutes, with how long it usually takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_EVERY_S = 10.0


@contextmanager
def heartbeat(
    what: str, usual_s: float | None, report: Callable[[str], object], every_s: float = _EVERY_S
) -> Iterator[None]:
    """Report a line at the start, every `every_s` seconds, and at the end. usual_s: of the last time, None for none."""
    done = threading.Event()
    began = time.monotonic()
    report(f"{what}: {_estimate(usual_s)}")

    def beat() -> None:
        while not done.wait(every_s):
            report(f"{what}: {_after(time.monotonic() - began, usual_s)}")

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    report(f"{what}: done in {time.monotonic() - began:.0f} s")


def _estimate(usual_s: float | None) -> str:
    return "the first time; it can take minutes" if usual_s is None else f"took {usual_s:.0f} s the last time"


def _after(elapsed_s: float, usual_s: float | None) -> str:
    return f"{elapsed_s:.0f} s" + ("" if usual_s is None else f" of about {usual_s:.0f} s")
