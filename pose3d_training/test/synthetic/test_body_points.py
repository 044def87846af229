"""Points of a body that landmarks are compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_ros.skeletons import get_skeleton
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.body_points import BODY_POINTS, LANDMARK_POINTS, LANDMARKS, body_points_m
from pose3d_training.synthetic.figure import make_figure
from pose3d_training.synthetic.motion import BONES
from pose3d_training.synthetic.pose_sampling import to_global
from pose3d_training.synthetic.postures import crouch


def test_landmarks_are_mediapipes_and_have_points() -> None:
    assert set(LANDMARKS) < set(get_skeleton("mediapipe33").joints)
    assert set(LANDMARK_POINTS) < set(BODY_POINTS)
    assert len(LANDMARKS) == len(LANDMARK_POINTS) == 19


def test_points_are_the_joints_and_the_ends_of_the_feet(assets: Path) -> None:
    figure = make_figure(assets, 12)
    turned = np.tile(np.eye(3), (len(BONES), 1, 1))
    at = dict(zip(BODY_POINTS, body_points_m(figure, turned), strict=True))
    assert at["L_Heel"][2] < at["L_Ankle"][2] < at["L_Toe"][2] < at["L_Toe_Tip"][2]  # z is ahead
    assert at["L_Heel"][0] > 0 > at["R_Toe_Tip"][0]
    assert max(at["L_Heel"][1], at["L_Toe_Tip"][1]) < 0.08


def test_points_move_as_the_joints_of_a_posed_figure(assets: Path) -> None:
    figure = make_figure(assets, 12)
    local = np.tile(np.eye(3), (len(BONES), 1, 1))
    crouch(local, np.random.default_rng(3))
    turned = to_global(figure, local)
    points = body_points_m(figure, turned)[: len(SYNTH_JOINTS)]
    joints = figure.pose(turned, 0.0, 0.0, 0.0, 0.0).joints_m
    np.testing.assert_allclose(points - points[0], joints - joints[0], atol=1e-9)
