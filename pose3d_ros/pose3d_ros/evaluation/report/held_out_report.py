"""The report of a held-out set: summary.json, plots, contact sheets and a page that shows them."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2

import pose3d_ros
from pose3d_ros.evaluation.rendered.held_out_run import HeldOutRun, HeldOutScene, JudgedScene
from pose3d_ros.evaluation.rendered.held_out_summary import DEFINITIONS, HeldOutSummary
from pose3d_ros.evaluation.report.held_out_plots import write_plots
from pose3d_ros.evaluation.report.held_out_sheet import Tile, missed_tiles, random_tiles, sheet, worst_tiles
from pose3d_ros.evaluation.report.held_out_table import group_rows, summary_lines

_STYLE = Path(__file__).parent / "assets" / "report.css"
_COLUMNS = 4
_RANDOM, _WORST = 12, 8
_LEGEND = (
    "White and thin: the truth. Coloured: what was found, with the distance of the root. Boxes are the detector's: "
    "green right, red wrong, yellow on somebody who does not count."
)


def write_held_out_report(
    scenes: Sequence[HeldOutScene],
    judged: Sequence[JudgedScene],
    run: HeldOutRun,
    summary: HeldOutSummary,
    folder: Path,
) -> Path:
    """Write the report into a folder; returns its page. scenes: the pictures that were judged, by number."""
    folder.mkdir(parents=True, exist_ok=True)
    summary.write(folder / "summary.json")
    plots = write_plots(judged, run, summary, folder)
    seed = int(summary.about.get("seed", 0))
    sheets: list[tuple[str, str, list[Tile]]] = [
        ("random.png", "Some of the pictures", random_tiles(scenes, judged, run, _RANDOM, seed)),
        ("worst.png", "The people whose joints are furthest off", worst_tiles(scenes, judged, run, _WORST)),
        ("missed.png", "The most visible people who were not found", missed_tiles(scenes, judged, run, _WORST)),
    ]
    shown = [(name, title) for name, title, tiles in sheets if _write_sheet(folder / name, tiles)]
    page = folder / "report.html"
    page.write_text(_page(summary, plots, shown), encoding="utf-8")
    return page


def _write_sheet(path: Path, tiles: Sequence[Tile]) -> bool:
    if not tiles:
        path.unlink(missing_ok=True)
        return False
    return bool(cv2.imwrite(str(path), sheet(tiles, _COLUMNS)))


def _page(summary: HeldOutSummary, plots: Sequence[str], sheets: Sequence[tuple[str, str]]) -> str:
    facts = "".join(
        f"<div><dt>{html.escape(k)}</dt><dd>{html.escape(str(v))}</dd></div>" for k, v in summary.about.items()
    )
    figures = "".join(f'<figure class="plot"><img style="width:100%" alt="" src="{name}"></figure>' for name in plots)
    pictures = "".join(
        f'<h2>{html.escape(title)}</h2><figure class="figure"><img alt="" src="{name}"></figure>'
        for name, title in sheets
    )
    meanings = "".join(f"<tr><td>{html.escape(k)}</td><td>{html.escape(v)}</td></tr>" for k, v in DEFINITIONS.items())
    lines = "".join(f'<p class="caption">{html.escape(line)}</p>' for line in summary_lines(summary))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Held-out rendered people</title>
<style>
{_STYLE.read_text(encoding="utf-8")}
.numbers th, .numbers td {{ text-align: right; }}
.numbers td:first-child {{ text-align: left; }}
</style>
</head>
<body>
<header><h1>Held-out rendered people</h1><dl class="facts">{facts}</dl></header>
<main>
<h2>Metrics</h2><div class="scroll"><table class="numbers">{_table(group_rows(summary))}</table></div>{lines}
<h2>Plots</h2><div class="plots">{figures}</div>
{pictures}<p class="caption">{html.escape(_LEGEND)}</p>
<h2>What the numbers mean</h2><div class="scroll"><table><tbody>{meanings}</tbody></table></div>
</main>
<footer>Made by pose3d_ros {pose3d_ros.__version__}</footer>
</body>
</html>
"""


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    head = "".join(f"<th>{html.escape(column)}</th>" for column in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{html.escape(v)}</td>" for v in row.values()) + "</tr>" for row in rows)
    return f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
