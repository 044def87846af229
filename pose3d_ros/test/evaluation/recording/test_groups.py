"""Metrics of groups of a session's people."""

from __future__ import annotations

import pytest

from pose3d_ros.evaluation.recording.groups import group_metrics
from pose3d_ros.evaluation.recording.scoring import match_session
from pose3d_ros.evaluation.recording.session import Session, SessionFrame
from pose3d_ros.evaluation.recording.summary import summarize

from ...conftest import MUCO, Scene


@pytest.fixture
def session(scene: Scene) -> Session:
    """Everyone found but the first person in the first ten of thirty frames."""
    found = [people[i < 10 :] for i, people in enumerate(scene.noisy(0.0)[:30])]
    frames = [
        SessionFrame(stamp, people, raw, None)
        for stamp, people, raw in zip(scene.stamps_ns, scene.ground_truth, found, strict=False)
    ]
    return Session(scene.camera, MUCO, tuple(frames))


def test_each_group_has_its_own_people(session: Session) -> None:
    groups = group_metrics(session, match_session(session), lambda i, person: {"id": f"{person.track_id}"})["id"]
    assert [(name, one.people, one.recall) for name, one in groups.items()] == [
        ("1", 30, pytest.approx(2 / 3)),
        ("2", 30, 1.0),
        ("3", 30, 1.0),
    ]
    assert groups["2"].mpjpe_abs_mm == pytest.approx(0.0, abs=1e-6)
    assert groups["2"].pck_abs_150mm == 1.0


def test_summary_has_the_groups(session: Session) -> None:
    split = summarize(session).as_dict()["groups"]
    assert isinstance(split, dict)
    assert set(split) == {"distance", "visible", "truncated", "posture"}
    assert sum(group["people"] for group in split["distance"].values()) == 90


def test_groups_are_in_order_of_their_numbers(session: Session) -> None:
    names = ["10–20 m", "2–3 m", "0–2 m"]
    groups = group_metrics(session, (), lambda i, person: {"distance": names[person.track_id - 1]})
    assert list(groups["distance"]) == ["0–2 m", "2–3 m", "10–20 m"]
    names = ["50–90%", "90% or more", "below 30%"]
    groups = group_metrics(session, (), lambda i, person: {"visible": names[person.track_id - 1]})
    assert list(groups["visible"]) == ["below 30%", "50–90%", "90% or more"]
