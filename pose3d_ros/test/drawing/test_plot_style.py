from __future__ import annotations

import matplotlib as mpl

from pose3d_ros.drawing.plot_style import INK, STYLE, legend_above, new_figure


def test_plots_have_one_line_color_and_a_legend_above_the_axes() -> None:
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(4.0, 3.0)
        axes.plot([0, 1], label="line")
        legend_above(axes)
        figure.draw_without_rendering()
    legend = axes.get_legend()
    assert axes.xaxis.label.get_color() == INK
    assert legend is not None
    assert legend.get_window_extent().y0 >= axes.get_window_extent().y1


def test_legend_that_would_be_wider_than_the_plot_is_left_out() -> None:
    _, axes = new_figure(4.0, 3.0)
    for number in range(5):
        axes.plot([0, 1], label=f"P{number}")
    legend_above(axes)
    assert axes.get_legend() is None
