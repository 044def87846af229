"""Writes the tables of docs/reference.md from the code; what is between them is written by hand.

    python tools/reference_page.py           # write
    python tools/reference_page.py --check   # exit code 1 where the page is not what the code says

It starts every node once, so it needs rclpy and pose3d_msgs.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from reference_tables.command_tables import command_tables
from reference_tables.executable_table import executable_table
from reference_tables.launch_tables import launch_tables
from reference_tables.message_tables import message_tables
from reference_tables.parameter_tables import parameter_tables
from reference_tables.topic_tables import topic_tables

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference.md"
TABLES: Mapping[str, Callable[[], str]] = {
    "executables": executable_table,
    "parameters": parameter_tables,
    "topics": topic_tables,
    "messages": message_tables,
    "commands": command_tables,
    "launch files": launch_tables,
}
_PART = re.compile(r"(?<=<!-- from the code: )(?P<name>[\w ]+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)


def updated(page: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """The page with its tables made anew. Raises ValueError where these are not the ones that it has places for."""
    places = [found["name"] for found in _PART.finditer(page)]
    if sorted(places) != sorted(tables):
        raise ValueError(f"expected a place for each of {sorted(tables)}, got {sorted(places)}")
    return _PART.sub(lambda found: f"{found['name']}{found[2]}\n{tables[found['name']]()}\n", page)


def main(arguments: Sequence[str]) -> int:
    before = PAGE.read_text(encoding="utf-8")
    after = updated(before, TABLES)
    if "--check" not in arguments:
        PAGE.write_text(after, encoding="utf-8")
        return 0
    sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), after.splitlines(True), "page", "code", n=0))
    return int(before != after)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
