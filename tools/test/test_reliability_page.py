"""docs/reliability.md names the tests that hold what it promises, and has the figures that they measured."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from reliability_log import Promise
from reliability_page import PAGE, ROOT, named_tests, rows_of, updated

EXAMPLE = """# Reliability

## Measured by `make test-slow`

In an hour.

| | promise | last figure | test |
|---|---|---|---|
| disk | is full | 1 s | `test_a.py::test_disk` |

## Held by `make test`

| promise | test |
|---|---|
| nothing is lost | `test_b.py::test_images` |
"""


def functions(recording: bool) -> Iterator[str]:
    """Every test of the repository, or those that record a promise."""
    for folder in ("pose3d_ros", "pose3d_training", "tools", "benchmarks"):
        for path in sorted((ROOT / folder / "test").rglob("test_*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
                    continue
                if not recording or "record_promise" in [argument.arg for argument in node.args.args]:
                    yield f"{path.name}::{node.name}"


def test_every_test_that_the_page_names_exists() -> None:
    named = named_tests(PAGE.read_text(encoding="utf-8"))
    assert len(named) > 40
    assert sorted(set(named) - set(functions(recording=False))) == []


def test_every_promise_that_is_recorded_is_on_the_page() -> None:
    measured = {row.test for row in rows_of(PAGE.read_text(encoding="utf-8")).values()}
    assert sorted(set(functions(recording=True)) ^ measured) == []


def test_measured_rows_replace_those_of_their_name_and_others_stay() -> None:
    promises = [
        Promise("memory", "flat", "0.1%", True, "x/test/test_c.py::test_memory[a]"),
        Promise("disk", "is full", "2 s", True, "x/test/test_a.py::test_disk"),
    ]
    page = updated(EXAMPLE, promises)
    old = "| disk | is full | 1 s | `test_a.py::test_disk` |\n"
    new = "| disk | is full | 2 s | `test_a.py::test_disk` |\n| memory | flat | 0.1% | `test_c.py::test_memory` |\n"
    assert page == EXAMPLE.replace(old, new)
    assert updated(page, ()) == page


def test_promise_that_is_not_kept_has_no_row() -> None:
    with pytest.raises(ValueError, match="disk was not kept: 9 s"):
        updated(EXAMPLE, [Promise("disk", "is full", "9 s", False, "x/test/test_a.py::test_disk")])


def test_table_without_rows_is_filled() -> None:
    empty = EXAMPLE.replace("| disk | is full | 1 s | `test_a.py::test_disk` |\n", "")
    assert updated(empty, [Promise("disk", "is full", "1 s", True, "test_a.py::test_disk")]) == EXAMPLE
