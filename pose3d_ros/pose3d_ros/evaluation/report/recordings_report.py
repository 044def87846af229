"""The results of many recordings: rows for the terminal, and an index page that links their reports."""

from __future__ import annotations

import csv
import html
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pose3d_ros.evaluation.metrics.json_file import write_json
from pose3d_ros.evaluation.report.html_report import ASSETS, facts_html, footer_html, rows_html, shown
from pose3d_ros.output_files import write_file
from pose3d_ros.reading.files import is_file

SUMMARY_JSON, RECORDINGS_CSV, INDEX_HTML = "summary.json", "recordings.csv", "index.html"
ALL = "all recordings"
_COLUMNS: tuple[tuple[str, str, float, int], ...] = (
    ("frames", "frames", 1, 0),
    ("dropped", "dropped", 1, 0),
    ("recall %", "detection_recall", 100, 1),
    ("false pos.", "false_positives", 1, 0),
    ("MPJPE", "mpjpe_mm", 1, 0),
    ("PA-MPJPE", "pa_mpjpe_mm", 1, 0),
    ("MRPE", "mrpe_mm", 1, 0),
    ("AP 25cm %", "ap_root_25cm", 100, 1),
    ("IDF1", "idf1", 1, 3),
    ("switches", "id_switches", 1, 0),
)
"""Header, field, factor, digits."""


@dataclass(frozen=True)
class RecordingsReport:
    """pooled: of `pooled_summary`. failed: name → why there are no results. configuration: what ran, as facts."""

    pooled: Mapping[str, object]
    failed: Mapping[str, str]
    configuration: Mapping[str, str]

    @property
    def recordings(self) -> Mapping[str, Mapping[str, object]]:
        """Name → the numbers of its summary.json."""
        found = self.pooled["recordings"]
        return found if isinstance(found, dict) else {}


def recording_rows(report: RecordingsReport) -> list[dict[str, str]]:
    """A row for each recording, errors in millimetres, and at the end one for all together."""
    rows = [{"recording": name, **_cells(numbers)} for name, numbers in report.recordings.items()]
    return [*rows, {"recording": ALL, **_cells(report.pooled)}] if rows else []


def _cells(numbers: Mapping[str, object]) -> dict[str, str]:
    return {header: _cell(numbers.get(field), factor, digits) for header, field, factor, digits in _COLUMNS}


def _cell(value: object, factor: float, digits: int) -> str:
    known = isinstance(value, (int, float)) and math.isfinite(value)
    return f"{factor * float(str(value)):.{digits}f}" if known else "–"


def write_recordings(report: RecordingsReport, folder: Path) -> Path:
    """Write summary.json, recordings.csv and index.html; returns the page. Raises OutputError."""
    write_json(folder / SUMMARY_JSON, {**report.pooled, "failed": dict(report.failed)})
    write_file(folder / RECORDINGS_CSV, _csv(report))
    page = folder / INDEX_HTML
    write_file(page, _page(report, folder))
    return page


def _csv(report: RecordingsReport) -> str:
    """The numbers of each recording, those of lists and dictionaries left out."""
    numbers = [
        {"recording": name, **{k: v for k, v in values.items() if not isinstance(v, (list, dict))}}
        for name, values in report.recordings.items()
    ]
    columns = list(dict.fromkeys(column for row in numbers for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns or ["recording"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(numbers)
    return text.getvalue()


def _page(report: RecordingsReport, folder: Path) -> str:
    count, failed = len(report.recordings), len(report.failed)
    lead = f"{count} recording{'' if count == 1 else 's'}" + (f", and {failed} that failed." if failed else ".")
    pooled = [(k, shown(v)) for k, v in report.pooled.items() if k != "recordings" and v is not None]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>pose3d evaluation of recordings</title>
<style>
{(ASSETS / "report.css").read_text(encoding="utf-8")}
</style>
</head>
<body>
<header><h1>pose3d evaluation</h1><p class="lead">{html.escape(lead)}</p>
<dl class="facts">{facts_html(report.configuration)}</dl></header>
<main>
{_table(report, folder)}
{_failures(report.failed)}
<h2>All metrics, of all recordings together</h2>
<div class="scroll"><table><tbody>{rows_html(pooled)}</tbody></table></div>
<p class="caption">Means over all people, frames and joints, not over recordings.</p>
</main>
<footer>{footer_html("pose3d evaluate")}</footer>
</body>
</html>
"""


def _table(report: RecordingsReport, folder: Path) -> str:
    rows = recording_rows(report)
    if not rows:
        return ""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    body = "".join(_row(row, folder) for row in rows)
    return (
        f'<h2>Recordings</h2><div class="scroll"><table class="numbers"><thead><tr>{head}</tr></thead>'
        f'<tbody>{body}</tbody></table></div><p class="caption">Errors in mm, before smoothing.</p>'
    )


def _row(row: Mapping[str, str], folder: Path) -> str:
    name, *cells = row.values()
    text = html.escape(name)
    if is_file(folder / name / "report.html"):
        text = f'<a href="{html.escape(name)}/report.html">{text}</a>'
    rest = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
    return f"<tr><td>{text}</td>{rest}</tr>"


def _failures(failed: Mapping[str, str]) -> str:
    rows = rows_html([*failed.items()])
    return f'<h2>Failed</h2><div class="scroll"><table><tbody>{rows}</tbody></table></div>' if failed else ""


def failure_lines(failed: Mapping[str, str], total: int) -> Sequence[str]:
    """What to say at the end of recordings without results."""
    return (f"{len(failed)} of {total} recordings failed:", *(f"  {name}: {why}" for name, why in failed.items()))
