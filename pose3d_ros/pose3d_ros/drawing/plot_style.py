"""The look of all plots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # only who plots needs matplotlib
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Placeholders that become CSS: any text color, and the page's accents.
INK, ACCENT, ACCENT2 = "#010203", "#2f7bf6", "#f08c2e"
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "grid.color": "#8a93a1",
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def new_figure(width_in: float, height_in: float) -> tuple[Figure, Axes]:
    """An empty figure with one pair of axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    return figure, figure.subplots()


def legend_above(axes: Axes) -> None:
    """Place the legend in one row above the axes, clear of the data; none where the row would be too long."""
    handles, _ = axes.get_legend_handles_labels()
    if len(handles) > axes.figure.bbox.width / axes.figure.dpi:  # an inch each
        return
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=max(1, len(handles)), columnspacing=1.2)
