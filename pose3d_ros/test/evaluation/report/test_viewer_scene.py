from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.evaluation.report.viewer_scene import find_floor, scene_data
from pose3d_ros.records import TrackState

from ...conftest import Scene, person_at


def test_scene_data_is_small_json(session: Session) -> None:
    data = scene_data(session)
    assert len(json.dumps(data, allow_nan=False)) < 250_000  # 30 frames, three sets of three people
    assert list(data["sets"]) == ["ground_truth", "raw", "smoothed"]
    first = data["frames"][0]["people"]["ground_truth"][0]
    assert len(first["joints"]) == 63
    assert first["id"] == 1
    assert data["frames"][1]["t"] == pytest.approx(1 / 15, abs=1e-3)


def test_lost_joints_are_null_and_lost_people_left_out(scene: Scene, session: Session) -> None:
    person = scene.ground_truth[0][0]
    joints = person.pose.joints_cam_m.copy()
    joints[3] = np.nan
    predicted = person_at(1, joints, scene.camera, state=TrackState.PREDICTED)
    frame = replace(session.frames[0], raw=(predicted, replace(person, state=TrackState.LOST)))
    (shown,) = scene_data(replace(session, frames=(frame,)))["frames"][0]["people"]["raw"]
    assert shown["predicted"] is True
    assert shown["joints"][9:12] == [None, None, None]


@pytest.mark.parametrize("tilt_deg", [0.0, 12.0])
def test_floor_is_found_under_a_tilted_camera(scene: Scene, session: Session, tilt_deg: float) -> None:
    tilt = np.deg2rad(tilt_deg)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    tilted = [
        tuple(person_at(1, p.pose.joints_cam_m @ turn.T, scene.camera) for p in f.ground_truth) for f in session.frames
    ]
    frames = tuple(replace(f, ground_truth=people) for f, people in zip(session.frames, tilted, strict=True))
    floor = find_floor(replace(session, frames=frames))
    assert floor is not None
    assert floor.tilt_rad == pytest.approx(tilt, abs=0.03)
    assert floor.height_m == pytest.approx(1.4, abs=0.12)  # the walkers' toes are a hand's breadth off it
    level = floor.level(frames[0].ground_truth[0].pose.joints_cam_m)
    np.testing.assert_allclose(level, session.frames[0].ground_truth[0].pose.joints_cam_m, atol=0.2)


def test_no_floor_without_people(session: Session) -> None:
    assert find_floor(replace(session, frames=())) is None


@pytest.mark.parametrize("far_m", [1e6, 1e300, np.inf, -np.inf])
def test_joint_that_nobody_sees_is_not_drawn(session: Session, far_m: float) -> None:
    first = session.frames[0]
    person = first.ground_truth[0]
    joints_m = np.array(person.pose.joints_cam_m)
    joints_m[0] = [0.0, 0.0, far_m]
    people = (replace(person, pose=replace(person.pose, joints_cam_m=joints_m)),)
    data = scene_data(replace(session, frames=(replace(first, ground_truth=people), *session.frames[1:])))
    drawn_mm = data["frames"][0]["people"]["ground_truth"][0]["joints"]
    assert drawn_mm[:3] == [None, None, None]
    assert max(abs(v) for v in drawn_mm if v is not None) < 20_000
