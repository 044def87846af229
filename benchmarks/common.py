"""What every benchmark ends with: a table for people, a JSON file for machines."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from pose3d_ros.cli.terminal import print_table

OUTPUT = Path("out/bench")


def report(
    name: str,
    rows: Sequence[Mapping[str, object]],
    notes: Mapping[str, object] | None = None,
    figures: Mapping[str, float] | None = None,
) -> Path:
    """Print the rows as a table with figures and notes below, and write all to out/bench/NAME.json.

    rows: one mapping a line, column → value, all with the same columns. notes: what the numbers need to be read.
    figures: what it all comes to; keys of the file's top level.
    """
    print(f"\n{name}")
    print_table(rows)
    for key, value in {**(figures or {}), **(notes or {})}.items():
        print(f"  {key}: {value}")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    path = OUTPUT / f"{name}.json"
    content = {
        "name": name,
        **(figures or {}),
        "machine": machine(),
        "notes": dict(notes or {}),
        "rows": [dict(row) for row in rows],
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"  written to {path}")
    return path


def load() -> float:
    """How many processes want a core, over the last minute."""
    return round(os.getloadavg()[0], 1)


def machine() -> dict[str, object]:
    """What the numbers were measured on."""
    return {"cores": os.cpu_count(), "processor": _processor(), "python": platform.python_version()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
