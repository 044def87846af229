"""Runs a check on very many inputs: each must end in time, in a value or in one of the package's errors."""

from __future__ import annotations

import multiprocessing
import random
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import FrameType

from pose3d_ros.errors import Pose3DError

_MIB = 1 << 10  # of ru_maxrss, in KiB
_FORK = multiprocessing.get_context("fork")
_CHUNK = 1000
LONGEST_S, LONGEST_WAIT_S = 20.0, 300.0
MOST_MIB = 300.0


class Hung(BaseException):
    """An input took too long. No Exception, which the code under test may catch."""


@dataclass(frozen=True)
class Fuzzed:
    """Inputs, how many of them were refused, the slowest one's seconds, and the memory that 1000 of them added."""

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
    """Call the check with a source of chance for each input, in processes of their own that may crash.

    Raises AssertionError, with its seed, for an input that ends in anything else than a value or our error.
    """
    parts: list[Fuzzed] = []
    for start in range(first_seed, first_seed + inputs, _CHUNK):
        seeds = range(start, min(start + _CHUNK, first_seed + inputs))
        receiver, sender = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=_run, args=(check, seeds, sender))
        process.start()
        sender.close()
        try:
            found = receiver.recv()
        except EOFError:
            process.join()
            raise AssertionError(f"seeds {seeds}: the process ended with {process.exitcode}") from None
        process.join()
        assert isinstance(found, Fuzzed), found
        parts.append(found)
    return Fuzzed(
        sum(part.inputs for part in parts),
        sum(part.refused for part in parts),
        max(part.slowest_s for part in parts),
        max(part.added_mib for part in parts),
    )


def fuzz_here(check: Callable[[random.Random], object], seeds: range) -> Fuzzed:
    """As `fuzz`, in this process."""
    refused, slowest_s, before = 0, 0.0, _peak_mib()
    for seed in seeds:
        started_s = time.process_time()
        try:
            with _time_limit():
                check(random.Random(seed))
        except Pose3DError:
            refused += 1
        except (Exception, Hung) as error:
            raise AssertionError(f"input of seed {seed}: {type(error).__name__}: {str(error)[:500]}") from error
        slowest_s = max(slowest_s, time.process_time() - started_s)
    return Fuzzed(len(seeds), refused, slowest_s, _peak_mib() - before)


def _run(check: Callable[[random.Random], object], seeds: range, sender: Connection) -> None:
    try:
        sender.send(fuzz_here(check, seeds))
    except AssertionError as error:
        sender.send(str(error))


@contextmanager
def _time_limit() -> Iterator[None]:
    """End what computes for long, and what waits for ever; a busy machine makes everything slow by the clock."""

    def end(number: int, _: FrameType | None) -> None:
        kind = "computed" if number == signal.SIGPROF else "waited"
        raise Hung(f"it {kind} for more than {LONGEST_S if number == signal.SIGPROF else LONGEST_WAIT_S:.0f} s")

    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, end)
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_WAIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB
