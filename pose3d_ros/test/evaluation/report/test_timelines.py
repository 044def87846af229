from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import matplotlib as mpl
import pytest

from pose3d_ros.drawing.plot_style import STYLE
from pose3d_ros.evaluation.recording.scoring import match_session
from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.evaluation.report import timelines
from pose3d_ros.evaluation.report.timelines import joint_error_over_time_plot, presence_plot, tracks_plot
from pose3d_ros.records import TrackState


@pytest.fixture(autouse=True)
def style() -> Iterator[None]:
    """Texts of plots stay texts."""
    with mpl.rc_context(STYLE):
        yield


def renamed(session: Session, first: int, track_id: int) -> Session:
    """The first person of each frame under another id from a frame on, PREDICTED in every fifth."""
    frames = []
    for i, frame in enumerate(session.frames):
        assert frame.raw
        state = TrackState.PREDICTED if i % 5 == 4 else TrackState.TRACKED
        person = replace(frame.raw[0], track_id=track_id if i >= first else frame.raw[0].track_id, state=state)
        frames.append(replace(frame, raw=(person, *frame.raw[1:])))
    return replace(session, frames=tuple(frames))


def test_switch_is_marked_with_the_new_id(session: Session) -> None:
    changed = renamed(session, 12, 77)
    plot = presence_plot(changed, match_session(changed))
    assert plot is not None
    assert plot.svg.count(">P77<") == 1
    before = presence_plot(session, match_session(session))
    assert before is not None
    assert ">P" not in before.svg


def test_tracks_have_a_row_each_also_without_ground_truth(session: Session) -> None:
    changed = renamed(session, 12, 77)
    plot = tracks_plot(changed, ())
    assert plot is not None
    assert plot.svg.count(">P77<") == 1
    assert plot.svg.count(">P") == 4
    assert "longest" not in plot.caption


def test_many_rows_and_points_are_cut(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timelines, "_MOST_ROWS", 2)
    plot = tracks_plot(session, ())
    assert plot is not None
    assert "2 longest of 3" in plot.caption
    full = joint_error_over_time_plot(session, match_session(session))
    monkeypatch.setattr(timelines, "_MOST_POINTS", 5)
    thin = joint_error_over_time_plot(session, match_session(session))
    assert full is not None
    assert thin is not None
    assert thin.svg.count("<use") < full.svg.count("<use") / 2
