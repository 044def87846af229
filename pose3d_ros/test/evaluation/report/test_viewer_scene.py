"""The data of the 3D viewer, and the floor under the people."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.evaluation.report.viewer_scene import find_floor, scene_data
from pose3d_ros.records import TrackState


def test_scene_data_is_small_json(session: Session) -> None:
    data = scene_data(session)
    assert len(json.dumps(data, allow_nan=False)) < 250_000  # 30 frames, three sets of three people
    assert list(data["sets"]) == ["truth", "raw", "smoothed"]
    first = data["frames"][0]["people"]["truth"][0]
    assert len(first["joints"]) == 63
    assert first["id"] == 1
    assert data["frames"][1]["t"] == pytest.approx(1 / 15, abs=1e-3)


def test_lost_joints_are_null_and_lost_people_left_out(session: Session) -> None:
    person = session.frames[0].raw[0] if session.frames[0].raw else None
    assert person is not None
    joints = person.pose.joints_cam_m.copy()
    joints[3] = np.nan
    lost = replace(person, pose=replace(person.pose, joints_cam_m=joints), state=TrackState.PREDICTED)
    frame = replace(session.frames[0], raw=(lost, replace(person, track_id=9, state=TrackState.LOST)))
    (shown,) = scene_data(replace(session, frames=(frame,)))["frames"][0]["people"]["raw"]
    assert shown["predicted"] is True
    assert shown["joints"][9:12] == [None, None, None]


def test_floor_of_a_level_camera(session: Session) -> None:
    floor = find_floor(session)
    assert floor is not None
    assert floor.tilt_rad == pytest.approx(0.0, abs=0.03)
    assert floor.height_m == pytest.approx(1.4, abs=0.12)  # the walkers' toes are a hand's breadth off it


def test_floor_of_a_tilted_camera(scene: Any, session: Session, person_maker: Any) -> None:
    tilt = np.deg2rad(12.0)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    frames = tuple(
        replace(
            f, ground_truth=tuple(person_maker(1, p.pose.joints_cam_m @ turn.T, scene.camera) for p in f.ground_truth)
        )
        for f in session.frames
    )
    floor = find_floor(replace(session, frames=frames))
    assert floor is not None
    assert floor.tilt_rad == pytest.approx(tilt, abs=0.03)
    level = floor.level(frames[0].ground_truth[0].pose.joints_cam_m)
    np.testing.assert_allclose(level, session.frames[0].ground_truth[0].pose.joints_cam_m, atol=0.2)


def test_no_floor_without_people(session: Session) -> None:
    assert find_floor(replace(session, frames=())) is None
