"""Ending with the process that started this one, whatever ends that: SIGKILL leaves it no time to end its children."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Mapping

PARENT_VARIABLE = "POSE3D_PARENT_PID"
"""Environment variable of a child: the process that it ends with."""

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child that ends with this process."""
    return {**environ, PARENT_VARIABLE: str(os.getpid())}


class Parent:
    """The process of `PARENT_VARIABLE`, if it started this one; that of a shell or debugger in between is none.

    From now on this process gets SIGTERM when it ends (prctl(2), on Linux only), and at once when it has ended already.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        text = environ.get(PARENT_VARIABLE, "")
        self._pid = int(text) if text.isdecimal() and len(text) < 11 else 0
        if not self._pid or sys.platform != "linux":
            self._pid = 0
        elif os.getppid() == self._pid:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        elif _exists(self._pid):
            self._pid = 0
        if self.has_ended():  # before, or while this was called
            os.kill(os.getpid(), signal.SIGTERM)

    def has_ended(self) -> bool:
        """Whether there was one and it has ended."""
        return self._pid != 0 and os.getppid() != self._pid


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True
