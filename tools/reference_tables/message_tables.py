"""The messages of pose3d_msgs, as their files describe them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from reference_tables.markdown_table import sentence, table

FOLDER = Path(__file__).resolve().parents[2] / "pose3d_msgs" / "msg"
_FIELD = re.compile(r"(?P<type>[\w/]+(?:\[\d*\])?)\s+(?P<name>\w+)(?P<value>=\S+)?\s*(?:#\s*(?P<note>.*))?")


@dataclass
class _Row:
    """Fields that are described together."""

    names: list[str]
    kind: str
    about: str


def message_tables() -> str:
    """A heading and a table for each message."""
    return "\n".join(_section(path) for path in sorted(FOLDER.glob("*.msg")))


def _section(path: Path) -> str:
    about, _, body = path.read_text(encoding="utf-8").partition("\n\n")
    comment: list[str] = []
    rows: list[_Row] = []
    joined = False
    for line in body.splitlines():
        if line.startswith("#"):
            comment.append(line.lstrip("# "))
        elif found := _FIELD.fullmatch(line.strip()):
            kind = f"{found['type']}, constant" if found["value"] else found["type"]
            if joined and not comment and not found["note"] and rows[-1].kind == kind:
                rows[-1].names.append(found["name"])
            else:
                rows.append(_Row([found["name"] + (found["value"] or "")], kind, found["note"] or " ".join(comment)))
            comment, joined = [], True
        else:
            joined = False
    text = sentence(" ".join(line.lstrip("# ") for line in about.splitlines()))
    cells = ((", ".join(f"`{name}`" for name in row.names), row.kind, row.about) for row in rows)
    return f"### pose3d_msgs/{path.stem}\n\n{text}\n\n" + table(("message field", "type", "meaning"), cells)
