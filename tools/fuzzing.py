"""Runs a check on very many inputs: each must end in time, in a value or in one of the package's errors."""

from __future__ import annotations

import random
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from pose3d_ros.errors import Pose3DError

_MIB = 1 << 10  # of ru_maxrss, in KiB
LONGEST_S = 20.0
MOST_MIB = 300.0


class Hung(BaseException):
    """An input took too long. No Exception, which the code under test may catch."""


@dataclass(frozen=True)
class Fuzzed:
    """How many inputs there were, how many were refused, the slowest one's seconds, and how much memory was added."""

    inputs: int
    refused: int
    slowest_s: float
    added_mib: float

    @property
    def kept(self) -> bool:
        """Whether memory stayed within bounds; all else raised."""
        return self.added_mib < MOST_MIB

    def __str__(self) -> str:
        refused = f"{self.refused} refused, {self.inputs - self.refused} read"
        return f"{self.inputs} inputs: {refused}; slowest {self.slowest_s:.2f} s, memory +{self.added_mib:.0f} MiB"


def fuzz(check: Callable[[random.Random], object], inputs: int, first_seed: int = 0) -> Fuzzed:
    """Call the check with a source of chance for each input. Raises AssertionError, with its seed, for a wrong one."""
    refused, slowest_s, before = 0, 0.0, _peak_mib()
    for seed in range(first_seed, first_seed + inputs):
        started_s = time.monotonic()
        try:
            with _time_limit(LONGEST_S):
                check(random.Random(seed))
        except Pose3DError:
            refused += 1
        except (Exception, Hung) as error:
            raise AssertionError(f"input of seed {seed}: {type(error).__name__}: {str(error)[:500]}") from error
        slowest_s = max(slowest_s, time.monotonic() - started_s)
    return Fuzzed(inputs, refused, slowest_s, _peak_mib() - before)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    def end(_signal: int, _frame: FrameType | None) -> None:
        raise Hung(f"it took more than {seconds:.0f} s")

    former = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, former)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB
