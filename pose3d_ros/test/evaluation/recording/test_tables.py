from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.evaluation.recording.scoring import match_session
from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.evaluation.recording.summary import summarize
from pose3d_ros.evaluation.recording.tables import NOBODY, tables_of

from ...conftest import Scene
from .conftest import session_of


@pytest.fixture
def session(scene: Scene) -> Session:
    """Noisy people, of whom the first is missed in frames 5 to 7 and known by another id from then on."""
    raw = [list(people) for people in scene.noisy(0.03, depth_sigma_m=0.1)]
    for i, people in enumerate(raw):
        if i in (5, 6, 7):
            del people[0]
        elif i > 7:
            people[0] = replace(people[0], track_id=9)
    return session_of(scene, [tuple(people) for people in raw], scene.noisy(0.01, 1))


def test_means_of_the_tables_are_those_of_the_summary(session: Session) -> None:
    pairs = match_session(session)
    people, summary = tables_of(session, pairs).people, summarize(session, pairs)

    def mean(name: str, weight: str) -> float:
        values, weights = (np.array([float(getattr(row, n)) for row in people]) for n in (name, weight))
        known = np.isfinite(values)
        return float((values[known] * weights[known]).sum() / weights[known].sum())

    for name in ("mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "pck_150mm", "auc"):
        assert mean(name, "joints") == pytest.approx(getattr(summary.accuracy, name))
    for name in ("mpjpe_smoothed_mm", "n_mpjpe_smoothed_mm", "pa_mpjpe_smoothed_mm"):
        assert mean(name, "joints_smoothed") == pytest.approx(getattr(summary.accuracy, name))
    assert mean("mrpe_mm", "found") == pytest.approx(summary.accuracy.mrpe_mm)
    assert mean("acceleration_error_mm", "joints") == pytest.approx(summary.smoothness.acceleration_error_mm)


def test_missed_people_and_switches_are_marked(session: Session) -> None:
    tables = tables_of(session, match_session(session))
    first = [row for row in tables.people if row.person == session.frames[0].ground_truth[0].track_id]
    assert [row.found for row in first[:9]] == [True] * 5 + [False] * 3 + [True]
    assert [i for i, row in enumerate(first) if row.switched] == [8]
    assert first[5].track == NOBODY
    assert math.isnan(first[5].mpjpe_mm)
    assert [frame.detected for frame in tables.frames[4:9]] == [3, 2, 2, 2, 3]
    assert all(frame.matched == frame.detected for frame in tables.frames)


def test_frame_without_result_and_false_positive_are_rows(session: Session) -> None:
    frames = list(session.frames)
    alone = replace(frames[1], ground_truth=frames[1].ground_truth[1:])
    lost = replace(frames[2], raw=None, smoothed=None, latency_ms=None)
    changed = replace(session, frames=(frames[0], alone, lost, *frames[3:]))
    tables = tables_of(changed, match_session(changed))
    assert [(f.processed, f.detected, f.matched) for f in tables.frames[:3]] == [
        (True, 3, 3),
        (True, 3, 2),
        (False, 0, 0),
    ]
    assert math.isnan(tables.frames[2].latency_ms)
    assert [d.matched for d in tables.detections[3:6]].count(False) == 1
