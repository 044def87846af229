"""Output of the set-up: one line per step; everything else goes to a log, whose end is shown when a step fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

LOG_TAIL_LINES = 25

_HINTS = {
    "No space left on device": "The disk is full: free some space and run this again.",
    "Temporary failure in name resolution": "The network does not answer: check it and run this again.",
    "Name or service not known": "The network does not answer: check it and run this again.",
    "Network is unreachable": "The network does not answer: check it and run this again.",
    "NewConnectionError": "The package index does not answer: check the network or the proxy and run this again.",
    "ReadTimeoutError": "The package index was too slow or the network broke: run this again, it goes on.",
    "No matching distribution found": "The package index has no such version for this Python or machine.",
}


class SetupError(Exception):
    """Set-up can't go on; the text says why and what to do."""


class Console:
    """Prints the steps and runs their commands into the log."""

    def __init__(self, log_path: Path, total: int, out: TextIO = sys.stdout) -> None:
        self._log_path = log_path
        self._total = total
        self._out = out
        self._number = 0
        log_path.parent.mkdir(parents=True, exist_ok=True)
        log_path.write_text("")

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step that has work to do, and its duration when it is done."""
        self._number += 1
        self._print(f"[{self._number}/{self._total}] {name} ", end="")
        start_s = time.monotonic()
        try:
            yield
        except BaseException:
            self._print("failed")
            raise
        self._print(f"{time.monotonic() - start_s:.0f} s")

    def skip(self) -> None:
        """Count a step that has nothing to do."""
        self._number += 1

    def note(self, text: str) -> None:
        """Show what does not stop the set-up."""
        self._print("".join(f"    {line}\n" for line in text.splitlines()), end="")

    def run(
        self, command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        """Run a command into the log. Raises SetupError with the end of its output when it fails."""
        line = " ".join(str(part) for part in command)
        with self._log_path.open("a") as log:
            print(f"$ {line}", file=log, flush=True)
            begin = log.tell()
            try:
                done = subprocess.run(
                    [str(part) for part in command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(env or {})},
                    cwd=cwd,
                    check=False,
                )
            except OSError as error:
                raise SetupError(f"{line}: {error}") from error
        if done.returncode != 0:
            raise SetupError(self._describe(line, done.returncode, begin))

    def _describe(self, line: str, status: int, begin: int) -> str:
        with self._log_path.open(errors="replace") as log:
            log.seek(begin)
            output = log.read()
        tail = "\n".join("    " + text for text in output.splitlines()[-LOG_TAIL_LINES:])
        hint = next((text for sign, text in _HINTS.items() if sign in output), "")
        return f"status {status} from: {line}\n{tail}\n{hint}\nThe whole log: {self._log_path}"

    def _print(self, text: str, end: str = "\n") -> None:
        print(text, end=end, file=self._out, flush=True)
