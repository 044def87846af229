"""The report of a held-out set: summary.json, plots, contact sheets and a page that shows them."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2

from pose3d_ros.evaluation.rendered.held_out_run import HeldOutRun, HeldOutScene, ScoredScene
from pose3d_ros.evaluation.rendered.held_out_summary import DEFINITIONS, HeldOutSummary
from pose3d_ros.evaluation.report.held_out_plots import write_plots
from pose3d_ros.evaluation.report.held_out_sheet import Tile, missed_tiles, random_tiles, sheet, worst_tiles
from pose3d_ros.evaluation.report.html_report import ASSETS, facts_html, footer_html, rows_html
from pose3d_ros.evaluation.report.summary_table import group_rows, held_out_lines, round_occluder_rows
from pose3d_ros.output_files import write_file

_COLUMNS = 4
_RANDOM, _WORST = 12, 8
_LEGEND = (
    "White and thin: ground truth. Colored: what was found, with the distance of the root. Boxes are the detector's: "
    "green true positives, red false positives, yellow on a person who does not count."
)


def write_held_out_report(
    scenes: Sequence[HeldOutScene],
    scored: Sequence[ScoredScene],
    run: HeldOutRun,
    summary: HeldOutSummary,
    folder: Path,
) -> Path:
    """Write the report into a folder; returns its page. scenes: the images that were scored, by number."""
    folder.mkdir(parents=True, exist_ok=True)
    summary.write(folder / "summary.json")
    plots = write_plots(scored, run, summary, folder)
    seed = int(summary.about.get("seed", 0))
    sheets: list[tuple[str, str, list[Tile]]] = [
        ("random.png", "Random images", random_tiles(scenes, scored, run, _RANDOM, seed)),
        ("worst.png", "People with the largest joint errors", worst_tiles(scenes, scored, run, _WORST)),
        ("missed.png", "Most visible people who were missed", missed_tiles(scenes, scored, run, _WORST)),
    ]
    shown = [(name, title) for name, title, tiles in sheets if _write_sheet(folder / name, tiles)]
    page = folder / "report.html"
    write_file(page, _page(summary, plots, shown))
    return page


def _write_sheet(path: Path, tiles: Sequence[Tile]) -> bool:
    if not tiles:
        path.unlink(missing_ok=True)
        return False
    done, data = cv2.imencode(path.suffix, sheet(tiles, _COLUMNS))
    if done:
        write_file(path, data.tobytes())
    return done


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    head = "".join(f"<th>{html.escape(column)}</th>" for column in rows[0])
    body = rows_html([list(row.values()) for row in rows])
    table = f'<table class="numbers"><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>'
    return f'<div class="scroll">{table}</div>\n'


def _page(summary: HeldOutSummary, plots: Sequence[str], sheets: Sequence[tuple[str, str]]) -> str:
    tables = _table(group_rows(summary))
    if summary.round_occluder is not None:
        tables += _table(round_occluder_rows(summary.round_occluder))
    lines = "".join(f'<p class="caption">{html.escape(line)}</p>' for line in held_out_lines(summary))
    figures = "".join(f'<figure class="plot"><img alt="" src="{name}"></figure>' for name in plots)
    images = "".join(
        f'<h2>{html.escape(title)}</h2><figure class="figure"><img alt="" src="{name}"></figure>'
        for name, title in sheets
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Held-out set of rendered people</title>
<style>
{(ASSETS / "report.css").read_text(encoding="utf-8")}
</style>
</head>
<body>
<header><h1>Held-out set of rendered people</h1><dl class="facts">{facts_html(summary.about)}</dl></header>
<main>
<h2>Metrics</h2>
{tables}{lines}
<h2>Plots</h2><div class="plots">{figures}</div>
{images}<p class="caption">{html.escape(_LEGEND)}</p>
<h2>Definitions</h2>
<div class="scroll"><table><tbody>{rows_html(list(DEFINITIONS.items()))}</tbody></table></div>
</main>
<footer>{footer_html("pose3d evaluate --synthetic")}</footer>
</body>
</html>
"""
