from __future__ import annotations

import math
from dataclasses import replace

import pytest

from pose3d_ros.evaluation.batch.pooled import RecordingResult, pooled_summary
from pose3d_ros.evaluation.recording.scoring import match_session
from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.evaluation.recording.summary import summarize
from pose3d_ros.evaluation.recording.tables import tables_of

from ...conftest import Scene
from ..recording.conftest import session_of


def result(session: Session) -> RecordingResult:
    pairs = match_session(session)
    return RecordingResult(summarize(session, pairs).as_dict(), tables_of(session, pairs))


@pytest.fixture
def session(scene: Scene) -> Session:
    return session_of(scene, scene.noisy(0.03, depth_sigma_m=0.2), scene.noisy(0.01, 1))


def test_one_recording_pools_to_its_own_summary(session: Session) -> None:
    own = result(session)
    pooled = pooled_summary({"a": own})
    same = [name for name in pooled if name in own.summary and name != "acceleration_error_mm"]
    assert len(same) > 20
    for name in same:
        assert pooled[name] == pytest.approx(own.summary[name], abs=2e-4), name
    assert pooled["recordings"] == {"a": {k: v for k, v in own.summary.items() if k not in ("definitions", "groups")}}


def test_means_are_over_people_and_counts_are_sums(scene: Scene, session: Session) -> None:
    half = result(replace(session, frames=session.frames[:10]))
    rest = result(replace(session, frames=session.frames[10:]))
    whole, pooled = result(session), pooled_summary({"a": half, "b": rest})
    for name in ("mpjpe_mm", "pa_mpjpe_mm", "mrpe_mm", "ap_root_25cm", "pck_150mm", "detection_recall", "mota", "idf1"):
        assert pooled[name] == pytest.approx(whole.summary[name], abs=3e-4), name
    assert pooled["frames"] == 30
    assert pooled["recordings_count"] == 2


def test_what_no_recording_has_is_null(scene: Scene) -> None:
    bare = replace(session_of(replace(scene, ground_truth=((),) * 30), scene.ground_truth), has_ground_truth=False)
    pooled = pooled_summary({"a": result(bare)})
    for name in ("mpjpe_mm", "detection_recall", "false_positives", "id_switches", "idf1", "ap_root_25cm"):
        assert pooled[name] is None
    assert pooled_summary({})["frames"] == 0
    assert not any(isinstance(v, float) and math.isnan(v) for v in pooled.values())
