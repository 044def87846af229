"""Metrics as JSON: one form for every summary, and short since nothing else belongs to it."""

from __future__ import annotations

import json
import math
from pathlib import Path

from pose3d_ros.output_files import write_file


def plain(value: object) -> object:
    """The value in JSON's own types, NaN as null, four decimals."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


def write_json(path: Path, content: dict[str, object]) -> None:
    """Write it, making the folder. Raises OutputError."""
    write_file(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
