"""Writes the figures of out/reliability.json into the table of docs/reliability.md.

    python tools/reliability_page.py [FILE.json ...]

Rows of promises that were not measured this time stay as they are.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reliability_log import Promise, read_promises

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reliability.md"
FILE = ROOT / "out" / "reliability.json"
_HEADING = "## Measured by `make test-slow`"
_TABLE = re.compile(rf"(?<={re.escape(_HEADING)}\n)(.*?)((?:^\|[^\n]*\n)+)", re.MULTILINE | re.DOTALL)
_ROW = re.compile(
    r"^\| (?P<name>[^|]+) \| (?P<promise>[^|]+) \| (?P<figure>[^|]+) \| `(?P<test>[^|`]+)` \|$", re.MULTILINE
)
_HEAD = "| | promise | last figure | test |\n|---|---|---|---|\n"


@dataclass(frozen=True)
class Row:
    """test: file's name and test's, `test_x.py::test_y`."""

    name: str
    promise: str
    figure: str
    test: str

    def __str__(self) -> str:
        return f"| {self.name} | {self.promise} | {self.figure} | `{self.test}` |\n"


def rows_of(page: str) -> dict[str, Row]:
    """The measured rows of the page, by name."""
    found = _TABLE.search(page)
    return {match["name"]: Row(**match.groupdict()) for match in _ROW.finditer(found[2])} if found else {}


def named_tests(page: str) -> list[str]:
    """Every test that the page names, `test_x.py::test_y`."""
    return re.findall(r"`(test_\w+\.py::test_\w+)`", page)


def row_of(promise: Promise) -> Row:
    """A promise as a row, without the parameters of its test."""
    test = promise.test.rpartition("/")[2].partition("[")[0]
    return Row(*(text.replace("|", "/") for text in (promise.name, promise.promise, promise.figure, test)))


def updated(page: str, promises: Iterable[Promise]) -> str:
    """The page with the rows of these promises. Raises ValueError for one that was not kept."""
    rows = rows_of(page)
    for promise in promises:
        if not promise.kept:
            raise ValueError(f"{promise.name} was not kept: {promise.figure}")
        rows[promise.name] = row_of(promise)
    table = _HEAD + "".join(str(rows[name]) for name in sorted(rows))
    return _TABLE.sub(lambda found: found[1] + table, page, count=1)


def main(arguments: Sequence[str]) -> None:
    files = [Path(argument) for argument in arguments] or [FILE]
    promises = [promise for file in files for promise in read_promises(file)]
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8"), promises), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
