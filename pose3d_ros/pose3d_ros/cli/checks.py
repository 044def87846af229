"""One line of `pose3d doctor`: what was looked at, how it went, and its form on a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rich.text import Text


class State(Enum):
    """How a check went, with the style of its text. INFO: something optional is not there."""

    OK = "green"
    INFO = "dim"
    WARN = "yellow"
    FAIL = "bold red"


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, what was found, and what to do about it."""

    state: State
    name: str
    found: str
    remedy: str = ""


def format_check(check: Check, width: int) -> Text:
    """The check as one or two lines, the state in its style, the name padded to a width."""
    remedy = f"\n        → {check.remedy}" if check.remedy else ""
    name = check.state.name if check.state is State.FAIL else check.state.name.lower()
    return Text.assemble("  ", (f"{name:<5}", check.state.value), f" {check.name:<{width}}  {check.found}{remedy}")
