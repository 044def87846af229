from __future__ import annotations

import csv
import json
from pathlib import Path

from pose3d_ros.evaluation.report.recordings_report import (
    RecordingsReport,
    failure_lines,
    recording_rows,
    write_recordings,
)

from .test_html_report import Page

OWN = {"frames": 10, "dropped": 0, "detection_recall": 0.5, "mpjpe_mm": 80.4, "idf1": None, "latency_ms": {"p50": 1.0}}
REPORT = RecordingsReport(
    {"frames": 20, "mpjpe_mm": 81.0, "idf1": None, "recordings": {"a": OWN, "b<c": OWN}},
    {"d": "no <such> file"},
    {"Models": "net"},
)


def test_rows_end_with_all_together() -> None:
    rows = recording_rows(REPORT)
    assert [row["recording"] for row in rows] == ["a", "b<c", "all recordings"]
    assert (rows[0]["recall %"], rows[0]["MPJPE"], rows[0]["IDF1"], rows[2]["MPJPE"]) == ("50.0", "80", "–", "81")
    assert recording_rows(RecordingsReport({"recordings": {}}, {}, {})) == []


def test_page_links_the_reports_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "report.html").write_text("-")
    text = write_recordings(REPORT, tmp_path).read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.loaded == ["a/report.html"]
    assert "b&lt;c" in text
    assert "no &lt;such&gt; file" in text
    content = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert content["failed"] == {"d": "no <such> file"}
    with (tmp_path / "recordings.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["recording"], row["mpjpe_mm"], row["idf1"]) for row in rows] == [
        ("a", "80.4", ""),
        ("b<c", "80.4", ""),
    ]


def test_failures_are_named() -> None:
    assert failure_lines({"d": "lost"}, 3) == ("1 of 3 recordings failed:", "  d: lost")
