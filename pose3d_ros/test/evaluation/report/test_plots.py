from __future__ import annotations

import math
from dataclasses import replace

from pose3d_ros.evaluation.recording.scoring import match_session
from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.evaluation.report.plots import session_plots
from pose3d_ros.evaluation.report.svg_plot import Plot


def plots_of(session: Session) -> dict[str, Plot]:
    """Title → plot, of all groups."""
    return {plot.title: plot for group in session_plots(session, match_session(session)) for plot in group.plots}


def test_plots_take_the_text_color_of_the_page(session: Session) -> None:
    plots = plots_of(session)
    assert len(plots) == sum(len(group.plots) for group in session_plots(session, match_session(session)))
    some = {"3DPCK", "Precision and recall of roots", "Error by distance", "Joint scores", "States of the tracks"}
    assert some < set(plots)
    for plot in plots.values():
        assert plot.svg.startswith("<svg viewBox=")
        assert "currentColor" in plot.svg
        assert "#010203" not in plot.svg


def test_what_there_is_no_data_for_is_left_out(session: Session) -> None:
    frames = session.frames
    bare = tuple(replace(f, ground_truth=(), smoothed=None, latency_ms=None) for f in frames)
    plots = plots_of(replace(session, frames=bare, has_ground_truth=False))
    assert set(plots) == {"States of the tracks", "Root trajectories", "Root depth over time"}
    captions = " ".join(plot.caption for plot in plots.values())
    assert "smoothed" not in captions
    assert "round truth" not in captions
    unsmoothed = plots_of(replace(session, frames=tuple(replace(f, smoothed=None) for f in frames)))
    assert "smoothed" not in " ".join(plot.svg + plot.caption for plot in unsmoothed.values())
    empty = replace(session, frames=tuple(replace(f, raw=None, smoothed=None, latency_ms=math.nan) for f in frames))
    assert set(plots_of(empty)) == {"Who was found"}
    assert session_plots(replace(session, frames=()), ()) == ()
