"""Rows of figures for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """The rows in aligned columns, numbers to the right."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = [[_text(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in [columns, *cells]) for i in range(len(columns))]
    right = [all(isinstance(row.get(column), (int, float)) for row in rows) for column in columns]
    lines = [
        "  ".join(text.rjust(w) if r else text.ljust(w) for text, w, r in zip(line, widths, right, strict=True))
        for line in [columns, *cells]
    ]
    return "\n".join("  " + line.rstrip() for line in lines)


def _text(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
