from __future__ import annotations

import json
import math
from pathlib import Path

from pose3d_ros.evaluation.metrics.json_file import plain, write_json


def test_nan_is_null_and_numbers_are_rounded(tmp_path: Path) -> None:
    content = {"a": plain((1.23456, math.nan)), "b": plain({1: "x", "y": math.inf}), "c": plain(3)}
    write_json(tmp_path / "new" / "metrics.json", content)
    read = json.loads((tmp_path / "new" / "metrics.json").read_text(encoding="utf-8"))
    assert read == {"a": [1.2346, None], "b": {"1": "x", "y": None}, "c": 3}
