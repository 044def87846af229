from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.evaluation.recording.scoring import consecutive_runs, match_session, motion_errors
from pose3d_ros.records import Person

from ...conftest import Scene
from .conftest import session_of


def test_runs_end_at_missing_frames_and_pauses(scene: Scene) -> None:
    present = [{"a": np.array([float(i)])} if i not in (4, 8) else {} for i in range(30)]
    session = session_of(scene, scene.ground_truth)
    assert [len(stamps) for _, stamps, _ in consecutive_runs(session, present)] == [4, 3, 21]
    late = tuple(replace(frame, stamp_ns=frame.stamp_ns + 1_000_000_000) for frame in session.frames[20:])
    runs = list(consecutive_runs(replace(session, frames=session.frames[:20] + late), present))
    assert [len(stamps) for _, stamps, _ in runs] == [4, 3, 11, 10]
    assert runs[2][2].ravel().tolist() == [*range(9, 20)]


def test_motion_errors_by_hand_and_over_runs_of_one_id_only(scene: Scene) -> None:
    def shifted(i: int, person: Person) -> Person:
        joints = person.pose.joints_cam_m.copy()
        joints[0, 0] += 0.021 * (i % 2)  # 21 mm to and fro on one of 21 joints
        return replace(person, track_id=1 if i < 15 else 2, pose=replace(person.pose, joints_cam_m=joints))

    raw = [(shifted(i, people[0]),) for i, people in enumerate(scene.ground_truth)]
    session = session_of(scene, raw)
    pairs = [(p.frame, p.raw, p.ground_truth) for p in match_session(session)]
    assert motion_errors(session, pairs) == pytest.approx((1.0, 2.0))
    assert np.isnan(motion_errors(session, [])).all()
