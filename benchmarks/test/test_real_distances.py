"""Errors of people whose distance is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from real_distances import FUSED, Error, frame_errors, rows_of

from pose3d_ros.evaluation.datasets.boxed_people import hips_above_foot
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array


@pytest.fixture
def placed() -> tuple[Camera, GroundPlane]:
    """A camera that looks down on a floor."""
    return Camera.from_hfov(50.0, 768, 576), GroundPlane.of_mounting(8.0, -20.0)


def person_in(box_px: Array, distance_m: float) -> Person:
    skeleton = get_skeleton("muco21")
    root = np.array([0.0, 0.0, distance_m])
    joints = np.tile(root, (len(skeleton.joints), 1))
    pose = Pose(root, joints, joints[:, :2], np.ones(len(joints)), skeleton, Detection(box_px, 0.9), 0.5)
    return Person(1, TrackState.TRACKED, pose, np.zeros(3), 0.9)


def test_errors_are_of_who_stands_in_a_box(placed: tuple[Camera, GroundPlane]) -> None:
    camera, ground = placed
    box = np.array([360.0, 200.0, 400.0, 290.0])
    true_m = float(np.linalg.norm(hips_above_foot(np.array([379.0, 289.0]), camera, ground)))
    (error,) = frame_errors([person_in(box - 1.0, 1.1 * true_m)], box[None], camera, ground)
    assert error.solver == FUSED
    assert error.log == pytest.approx(np.log(1.1))
    assert not list(frame_errors([person_in(box + 200.0, true_m)], box[None], camera, ground))
    assert not list(frame_errors([], box[None], camera, replace(ground, origin="people")))


def test_rows_judge_what_was_published() -> None:
    def rows(log: float) -> list[dict[str, object]]:
        return list(rows_of("given", [Error(FUSED, 20.0, log, 0.02), Error("ground", 20.0, 0.5, 0.1)]))

    assert [row["asked"] for row in rows(0.005)] == ["pass", ""]
    assert [row["asked"] for row in rows(0.02)] == ["fail", ""]
