from __future__ import annotations

import json
import math
from pathlib import Path

from pose3d_ros.evaluation.comparison.compared_metrics import ComparedMetric, Comparison
from pose3d_ros.evaluation.comparison.paired_bootstrap import Difference
from pose3d_ros.evaluation.recording.tables import PersonRow
from pose3d_ros.evaluation.report.comparison_report import comparison_rows, write_comparison

from .test_html_report import Page

COMPARISON = Comparison(
    "out/<a>",
    "out/b",
    (
        ComparedMetric("mpjpe_mm", "mm", False, Difference(100.0, 90.0, -14.04, -6.0, 391, 15)),
        ComparedMetric("auc", "%", True, Difference(50.0, 49.0, math.nan, math.nan, 20, 1)),
    ),
    tuple((PersonRow(i, 1, 1, 0, 0, 3, mpjpe_mm=90 + i), PersonRow(i, 1, 1, 0, 0, 3, mpjpe_mm=80.0)) for i in range(9)),
    0,
)


def test_rows_have_interval_and_verdict() -> None:
    better, short = comparison_rows(COMPARISON)
    assert (better["B is"], better["B − A"], better["95% interval"]) == ("better", "-10.0", "-14.0 … -6.0")
    assert (short["B is"], short["95% interval"]) == ("too short to tell", "–")


def test_page_and_numbers_are_written(tmp_path: Path) -> None:
    text = write_comparison(COMPARISON, tmp_path).read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.loaded == []
    assert text.count("<svg") == 2
    assert "out/&lt;a&gt;" in text
    content = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))
    assert content["mpjpe_mm"]["high"] == -6.0
    assert content["mpjpe_mm"]["excludes_zero"] is True
    assert content["auc"]["low"] is None
