"""Child processes that are started together and end together, and with this process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pose3d_ros.errors import Pose3DError
from pose3d_ros.nodes.parent_process import child_environment

_SIGINT_S = 8.0
_SIGTERM_S = 3.0
_LOG_LINES = 5
_IDLE_SHARE = 0.3  # of a core: a node with a queue to work off wants a whole one, its timers little
_IDLE_PERIOD_S = 0.5


class ProcessError(Pose3DError):
    """A child process ended before it should, or did not end."""


@dataclass(frozen=True, eq=False)
class Child:
    """A running child and where its output goes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def check(self) -> None:
        """Raises ProcessError, with the end of its log, when it has ended."""
        if not self.running:
            raise self.error("it to run until the end", f"exit code {self.process.returncode} after")

    def error(self, expected: str, got: str) -> ProcessError:
        """An error about the child, with the end of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        tail = " | ".join(line.strip() for line in lines[-_LOG_LINES:]) or "nothing"
        return ProcessError(f"process {self.name}", expected=expected, got=f"{got}: {tail}", fix=f"See {self.log}.")

    def busy_s(self) -> float | None:
        """Seconds that its threads have run or wanted to run (proc(5), schedstat); None where that is not known.

        Unlike processor time alone, this is no less on a machine that has no time for the child.
        """
        try:
            tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
            stats = [task.read_text(encoding="utf-8").split() for task in tasks]
        except OSError:  # no such file on this system, or the thread has just ended
            return None
        return sum(int(running_ns) + int(waiting_ns) for running_ns, waiting_ns, _ in stats) * 1e-9

    def stop(self) -> None:
        """End it and everything that it started: by SIGINT, then SIGTERM, then SIGKILL."""
        for number, patience_s in (
            (signal.SIGINT, _SIGINT_S),
            (signal.SIGTERM, _SIGTERM_S),
            (signal.SIGKILL, _SIGTERM_S),
        ):
            if not self.running:
                break
            # The child is the leader of its session and so of a process group of its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)


class ChildGroup:
    """Starts children, each with a log file, and ends all that are left when its `with` block ends.

    Nodes among them end with this process also when it is killed (`nodes.parent_process`).

    logs: folder for the logs. environment: of every child.
    """

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self._environment = child_environment(environment)
        self._children: list[Child] = []

    def __enter__(self) -> ChildGroup:
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for child in reversed(self._children):
            child.stop()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Child:
        """Start a child in a session of its own, so that Ctrl-C reaches it through us only.

        environment: what it has besides that of all.
        """
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**self._environment, **(environment or {})},
                start_new_session=True,
            )
        self._children.append(Child(name, process, log))
        return self._children[-1]


def wait_for_end(child: Child, needed: Sequence[Child], limit_s: float, waiting: Callable[[float], None]) -> None:
    """Wait until a child has ended by itself while the needed ones run.

    waiting: called now and then with the seconds so far. Raises ProcessError when a needed one ends first, the child
    fails, or it takes longer than limit_s.
    """
    start_s = time.monotonic()
    while child.running:
        for one in needed:
            one.check()
        waiting(time.monotonic() - start_s)
        if time.monotonic() - start_s > limit_s:
            raise child.error(f"it to end within {limit_s:.0f} s", "it still runs after")
        time.sleep(0.1)
    if child.process.returncode != 0:
        child.check()


def wait_until_idle(children: Sequence[Child], limit_s: float) -> bool:
    """Wait until none of the children has work any more: their queues are empty then.

    Returns False when one still had after limit_s. Where the system does not say, they count as idle.
    """
    deadline_s = time.monotonic() + limit_s
    while time.monotonic() < deadline_s:
        start_s, before = time.monotonic(), [child.busy_s() for child in children]
        time.sleep(_IDLE_PERIOD_S)
        after = [child.busy_s() for child in children]
        allowed_s = _IDLE_SHARE * (time.monotonic() - start_s)
        if all(a is None or b is None or a - b <= allowed_s for a, b in zip(after, before, strict=True)):
            return True
    return False
