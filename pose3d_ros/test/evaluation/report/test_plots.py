from __future__ import annotations

from pose3d_ros.evaluation.recording.scoring import match_session
from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.evaluation.report.plots import session_plots


def test_plots_take_the_text_color_of_the_page(session: Session) -> None:
    plots = session_plots(session, match_session(session))
    assert len({plot.title for plot in plots}) == len(plots) == 7
    for plot in plots:
        assert plot.svg.startswith("<svg viewBox=")
        assert "currentColor" in plot.svg
        assert "#010203" not in plot.svg
