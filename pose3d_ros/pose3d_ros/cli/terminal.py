"""What commands show: tables on stdout, progress on stderr; plain text where the stream is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

_PIPED_WIDTH = 1000
"""Lines of a file or a pipe are not wrapped."""


def open_console(*, stderr: bool = False) -> Console:
    """A console for plain text (no markup), as wide as its terminal."""
    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if is_terminal else _PIPED_WIDTH
    return Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)


def print_table(rows: Sequence[Mapping[str, object]], *, right: Collection[str] = ()) -> None:
    """Print rows (column → value) in aligned columns. Numbers, and the columns named in `right`, stand to the right."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = Table(
        box=None, padding=(0, 0, 0, 2), header_style="bold", show_header=any(column.strip() for column in columns)
    )
    for column in columns:
        is_number = column in right or all(isinstance(row.get(column), (int, float)) for row in rows)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_text(row.get(column)) for column in columns))
    open_console().print(table)


def _text(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


class ProgressBar:
    """A context manager that shows progress on stderr. Call it with (done, total); total is None while unknown.

    unit: what is counted. Nothing is drawn where stderr is no terminal, and the bar is gone at the end.
    """

    def __init__(self, title: str, unit: str = "frames") -> None:
        self._title, self._unit = title, unit
        self._console = open_console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[count]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> ProgressBar:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def __call__(self, done: int, total: int | None) -> None:
        """Show how much is done; an unknown total is None."""
        count = f"{done}/{total} {self._unit}" if total else f"{done} {self._unit}"
        if self._task is None:  # not started: the bar of an unknown total pulses
            self._task = self._progress.add_task(self._title, start=total is not None, total=total or 1, count=count)
        self._progress.update(self._task, completed=done if total else 0, total=total or 1, count=count)

    def say(self, text: str) -> None:
        """Print a line on stderr, above the bar."""
        self._console.print(text, soft_wrap=True)
