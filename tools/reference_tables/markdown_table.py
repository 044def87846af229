"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NOTHING = "none"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, without the columns that are empty in every row; empty without rows."""
    filled = [[cell(text) for text in row] for row in rows]
    kept = [i for i in range(len(head)) if any(row[i] for row in filled)]
    if not kept:
        return ""
    lines = [[head[i] for i in kept], ["---"] * len(kept), *([row[i] for i in kept] for row in filled)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(text: str) -> str:
    """A text on one line, in which nothing ends a cell or begins a tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def literal(value: object) -> str:
    """A value as code; empty for an empty one."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`" if text else ""


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = " ".join(text.split())
    return text[:1].upper() + text[1:].rstrip(".") + "." if text else ""
