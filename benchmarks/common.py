"""What every benchmark ends with: a table for people, a JSON file for machines."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

OUTPUT = Path("out/bench")


def report(name: str, rows: Sequence[Mapping[str, object]], notes: Mapping[str, object] | None = None) -> Path:
    """Print the rows as a table with the notes below, and write both to out/bench/NAME.json.

    rows: one mapping a line, column → value, all with the same columns. notes: what the numbers need to be read.
    """
    print(f"\n{name}\n{table(rows)}")
    for key, value in (notes or {}).items():
        print(f"  {key}: {value}")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    path = OUTPUT / f"{name}.json"
    content = {"name": name, "machine": machine(), "notes": dict(notes or {}), "rows": [dict(row) for row in rows]}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"  written to {path}")
    return path


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


def machine() -> dict[str, object]:
    """What the numbers were measured on."""
    return {"cores": os.cpu_count(), "processor": _processor(), "python": platform.python_version()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _text(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
