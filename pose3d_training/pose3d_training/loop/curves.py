"""The curves of a training run: loss, learning rate and every logged number against the samples seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, StrMethodFormatter

from pose3d_ros.drawing.colors import GROUND_TRUTH_HEX
from pose3d_ros.drawing.plot_style import ACCENT, ACCENT2, STYLE
from pose3d_ros.output_files import replacing
from pose3d_ros.types import Array

_STYLE = STYLE | {"font.size": 9.0, "axes.titlelocation": "left"}
_COLUMNS = 3
_PANEL_IN = (4.1, 2.4)
_REFERENCE = "_before"
"""Ending of a column that shows what another one would be without the net."""
_BESIDE = ("step", "samples", "samples_per_s", "learning_rate")
_MEMORY_ROWS, _MEMORY_SHARE = 4.0, 0.04
"""How far back the smoothed curve remembers: so many rows, in a long run this share of them."""
_LOG_SPREAD = 3.0
"""A panel whose values differ by more than this factor is logarithmic."""


def write_curves(rows: Sequence[Mapping[str, float]], path: Path, title: str) -> None:
    """Draw the rows of a log into a PNG, through a temporary file; without rows nothing is written.

    rows: as a training logs them, each with `samples`; `learning_rate` and `samples_per_s` get panels of their own,
    `NAME_before` is drawn into the panel of NAME, and a column may begin or end anywhere.
    """
    if not rows:
        return
    with replacing(path) as temporary:
        curves_figure(rows, title).savefig(temporary, format="png", dpi=110, facecolor="white")


def curves_figure(rows: Sequence[Mapping[str, float]], title: str) -> Figure:
    """A panel a column, the loss first."""
    panels = _panels(rows)
    lines = -(-len(panels) // _COLUMNS)
    with mpl.rc_context(_STYLE):
        figure = Figure(
            figsize=(_PANEL_IN[0] * min(_COLUMNS, len(panels)), _PANEL_IN[1] * lines + 0.4), layout="constrained"
        )
        figure.suptitle(f"{title}: {rows[-1]['samples']:,.0f} samples", x=0.01, ha="left", fontweight="bold")
        axes = figure.subplots(lines, min(_COLUMNS, len(panels)), squeeze=False).ravel()
        for name, panel in zip(panels, axes, strict=False):
            _draw_panel(panel, rows, name)
        for panel in axes[len(panels) :]:
            panel.set_visible(False)
    return figure


def smoothed(values: Array) -> Array:
    """Exponential mean (T,) of values (T,) over the run's latest rows; of their logarithms where all are positive.

    Weights of the short past at the beginning sum to 1, so that the first value stands for itself.
    """
    positive = bool((values > 0).all())
    source = np.log(values) if positive else values
    keep = 1.0 - 1.0 / max(_MEMORY_ROWS, _MEMORY_SHARE * len(values))
    total, weight, means = 0.0, 0.0, []
    for value in source:
        total, weight = keep * total + (1 - keep) * value, keep * weight + (1 - keep)
        means.append(total / weight)
    return np.exp(means) if positive else np.asarray(means)


def _panels(rows: Sequence[Mapping[str, float]]) -> list[str]:
    names = dict.fromkeys(name for row in rows for name in row)
    measured = [
        n for n in names if n not in _BESIDE and not (n.endswith(_REFERENCE) and n.removesuffix(_REFERENCE) in names)
    ]
    return [*measured, *(n for n in ("learning_rate", "samples_per_s") if n in names)]


def _draw_panel(axes: Axes, rows: Sequence[Mapping[str, float]], name: str) -> None:
    samples, values = _column(rows, name)
    shown = [values]
    if name == "learning_rate":
        axes.plot(samples, values, color=ACCENT2, lw=1.6)
    else:
        before_samples, before = _column(rows, name + _REFERENCE)
        if len(before):
            axes.plot(before_samples, smoothed(before), color=GROUND_TRUTH_HEX, lw=1.4, ls="--")
            shown.append(before)
        axes.plot(samples, values, color=ACCENT, lw=0.7, alpha=0.3)
        axes.plot(samples, smoothed(values), color=ACCENT, lw=1.8)
    last = values[-1] if name == "learning_rate" else smoothed(values)[-1]
    axes.set_title(f"{name.replace('_', ' ')}  {last:.4g}")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.margins(x=0.02)
    _choose_scale(axes, np.concatenate(shown))


def _column(rows: Sequence[Mapping[str, float]], name: str) -> tuple[Array, Array]:
    """Samples and values of the rows that have a finite number there."""
    kept = [(row["samples"], row[name]) for row in rows if np.isfinite(row.get(name, np.nan))]
    both = np.asarray(kept, dtype=np.float64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _choose_scale(axes: Axes, values: Array) -> None:
    if len(values) and (values > 0).all() and values.max() > _LOG_SPREAD * values.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
