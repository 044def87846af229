"""The report of a comparison: rows for the terminal, comparison.json, and a page with table and plots."""

from __future__ import annotations

import html
import math
from dataclasses import asdict
from pathlib import Path

import matplotlib as mpl
import numpy as np

from pose3d_ros.drawing.colors import GROUND_TRUTH_HEX
from pose3d_ros.drawing.plot_style import ACCENT, ACCENT2, INK, STYLE, legend_above, new_figure
from pose3d_ros.evaluation.comparison.compared_metrics import BLOCK_S, ComparedMetric, Comparison
from pose3d_ros.evaluation.comparison.paired_bootstrap import LEAST_BLOCKS
from pose3d_ros.evaluation.metrics.json_file import plain, write_json
from pose3d_ros.evaluation.report.html_report import ASSETS, footer_html, rows_html
from pose3d_ros.evaluation.report.svg_plot import Plot, finished, plot_html
from pose3d_ros.output_files import write_file
from pose3d_ros.types import Array

_BETTER, _WORSE = "#2ca36b", "#d64545"
_MEANING = (
    "B − A of each metric, over the ground-truth people and frames that both have (errors: whom both found). The "
    f"interval is that of a paired bootstrap over stretches of {BLOCK_S:g} s of one person, since neighboring frames "
    f"are alike; with fewer than {LEAST_BLOCKS} stretches there is none. Of twenty intervals one excludes zero by "
    "chance."
)


def comparison_rows(comparison: Comparison) -> list[dict[str, str]]:
    """Rows of a table."""
    return [
        {
            "metric": metric.name,
            "B is": metric.verdict,
            "B − A": _number(metric.difference.difference, signed=True),
            "95% interval": _interval(metric),
            "A": _number(metric.difference.first),
            "B": _number(metric.difference.second),
            "unit": metric.unit,
            "samples": str(metric.difference.samples),
        }
        for metric in comparison.metrics
    ]


def comparison_dict(comparison: Comparison) -> dict[str, object]:
    """The content of comparison.json: a metric's name → its numbers."""
    numbers = {
        metric.name: {
            **asdict(metric.difference),
            "difference": metric.difference.difference,
            "excludes_zero": metric.difference.excludes_zero,
            "verdict": metric.verdict,
            "unit": metric.unit,
        }
        for metric in comparison.metrics
    }
    about = {"A": comparison.first, "B": comparison.second, "left_out": comparison.left_out, "block_s": BLOCK_S}
    return {name: plain(value) for name, value in {**about, **numbers}.items()}


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """Write comparison.json and comparison.html into a folder; returns the page. Raises OutputError."""
    write_json(folder / "comparison.json", comparison_dict(comparison))
    page = folder / "comparison.html"
    write_file(page, _page(comparison))
    return page


def _page(comparison: Comparison) -> str:
    rows = comparison_rows(comparison)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    with mpl.rc_context(STYLE):
        plots = "".join(plot_html(plot) for plot in (_forest(comparison), _over_samples(comparison)) if plot)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>pose3d comparison</title>
<style>
{(ASSETS / "report.css").read_text(encoding="utf-8")}
</style>
</head>
<body>
<header><h1>pose3d comparison</h1>
<p class="lead">Two results of the same recording, beside the same ground truth.</p>
<dl class="facts"><div><dt>A</dt><dd>{html.escape(comparison.first)}</dd></div>
<div><dt>B</dt><dd>{html.escape(comparison.second)}</dd></div></dl></header>
<main>
<h2>Metrics</h2>
<div class="scroll"><table class="numbers"><thead><tr>{head}</tr></thead>
<tbody>{rows_html([list(row.values()) for row in rows])}</tbody></table></div>
<p class="caption">{html.escape(_MEANING)}</p>
<h2>Plots</h2><div class="plots">{plots}</div>
</main>
<footer>{footer_html("pose3d evaluate --compare")}</footer>
</body>
</html>
"""


def _forest(comparison: Comparison) -> Plot | None:
    """Each interval as a share of A's value, so that all fit on one axis."""
    shown = [m for m in comparison.metrics if math.isfinite(m.difference.low) and m.difference.first]
    if not shown:
        return None
    figure, axes = new_figure(11.0, 0.9 + 0.3 * len(shown))
    axes.axvline(0, color=INK, lw=0.8)
    for row, metric in enumerate(shown):
        color = {"better": _BETTER, "worse": _WORSE}.get(metric.verdict, GROUND_TRUTH_HEX)
        estimate, share = metric.difference, 100.0 / abs(metric.difference.first)
        axes.plot([share * estimate.low, share * estimate.high], [row, row], color=color, lw=5, alpha=0.45)
        axes.plot([share * estimate.difference], [row], "o", color=color, ms=6)
    axes.set_yticks(range(len(shown)), [m.name + (" ↑" if m.higher_is_better else " ↓") for m in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlabel("B − A, % of A")
    axes.grid(visible=False, axis="y")
    caption = (
        "Point: difference; bar: 95% interval. Green: B is better, red: worse, gray: the interval includes zero. "
        "↑ more is better, ↓ less is."
    )
    return finished(figure, "Differences", caption, wide=True)


def _over_samples(comparison: Comparison) -> Plot | None:
    """Distribution of the errors of both, and of B's against A's, person by person."""
    errors = np.array([[a.mpjpe_mm, b.mpjpe_mm] for a, b in comparison.pairs])
    errors = errors[np.isfinite(errors).all(axis=-1)]
    if not len(errors):
        return None
    figure, axes = new_figure(11.0, 3.4)
    for column, name, color in ((0, "A", ACCENT2), (1, "B", ACCENT)):
        axes.step(*_cumulative(errors[:, column]), where="post", color=color, label=name)
    axes.set(xlabel="MPJPE of a person in a frame [mm]", ylabel="share below", ylim=(0, 1.02))
    axes.set_xlim(0, float(np.quantile(errors, 0.995)))
    legend_above(axes)
    lower = float((errors[:, 1] < errors[:, 0]).mean())
    caption = f"Of whom both found. B's error is the smaller one for {100 * lower:.0f}% of them."
    return finished(figure, "Distribution of the joint error", caption, wide=True)


def _cumulative(values: Array) -> tuple[Array, Array]:
    return np.sort(values), np.arange(1, len(values) + 1) / len(values)


def _interval(metric: ComparedMetric) -> str:
    low, high = metric.difference.low, metric.difference.high
    return f"{_number(low, signed=True)} … {_number(high, signed=True)}" if math.isfinite(low) else "–"


def _number(value: float, *, signed: bool = False) -> str:
    if not math.isfinite(value):
        return "–"
    text = f"{value:{'+' if signed else ''}.1f}"
    return text.lstrip("+-") if float(text) == 0 else text
