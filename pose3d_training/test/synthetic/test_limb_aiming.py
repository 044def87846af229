"""Limbs aimed at points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("moderngl")

from pose3d_training.synthetic.figure import make_figure
from pose3d_training.synthetic.limb_aiming import SHIN, Reach, aim_leg, frame, two_bones
from pose3d_training.synthetic.motion import BONES

UNIT = st.floats(-1, 1)


@given(st.tuples(UNIT, UNIT, UNIT), st.floats(0.3, 1.9))
def test_two_bones_end_at_the_goal(direction: tuple[float, float, float], distance: float) -> None:
    goal = np.array(direction)
    if np.linalg.norm(goal) < 0.1 or np.linalg.norm(np.cross(goal, [0, 0, 1])) < 0.05:
        return
    goal *= distance / np.linalg.norm(goal)
    first, second = two_bones(goal, 1.0, 1.0, np.array([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(first + second, goal, atol=1e-9)
    assert (first - goal / 2) @ np.array([0.0, 0.0, 1.0]) > 0  # the joint is on the pole's side


def test_two_bones_stretch_towards_what_is_out_of_reach() -> None:
    first, second = two_bones(np.array([0.0, -5.0, 0.0]), 1.0, 2.0, np.array([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(first, [0, -1, 0], atol=0.1)
    np.testing.assert_allclose(second, [0, -1, 0], atol=0.1)


def test_frame_is_a_rotation_along_its_first_axis() -> None:
    turn = frame(np.array([0.0, 2.0, 0.0]), np.array([1.0, 5.0, 0.0]))
    np.testing.assert_allclose(turn, [[0, 1, 0], [1, 0, 0], [0, 0, -1]], atol=1e-12)


@pytest.mark.parametrize(("side", "sign"), [("Left", 1.0), ("Right", -1.0)])
def test_aimed_leg_ends_at_its_ankle_for_any_heading_of_the_pelvis(side: str, sign: float) -> None:
    from scipy.spatial.transform import Rotation

    local = np.tile(np.eye(3), (len(BONES), 1, 1))
    heading = Rotation.from_euler("y", 1.1).as_matrix()
    local[0] = heading @ Rotation.from_euler("x", 0.4).as_matrix()
    ankle = np.array([sign * 0.2, -0.3, 1.1])
    aim_leg(local, side, ankle, np.array([sign * 0.3, 1.0, 0.2]))
    thigh = local[0] @ local[BONES.index(side + "UpLeg")]
    shin = thigh @ local[BONES.index(side + "Leg")]
    along = np.array([sign * 0.097, -0.992, 0.079]), np.array([sign * 0.088, -0.995, -0.044])
    end = thigh @ (along[0] / np.linalg.norm(along[0])) + SHIN * (shin @ (along[1] / np.linalg.norm(along[1])))
    np.testing.assert_allclose(heading.T @ end, ankle, atol=2e-3)


@pytest.mark.parametrize(("side", "sign"), [("Left", 1.0), ("Right", -1.0)])
def test_aimed_arm_ends_at_its_wrist(assets: Path, side: str, sign: float) -> None:
    figure = make_figure(assets, 12)
    local = np.tile(np.eye(3), (len(BONES), 1, 1))
    reach = Reach.of(figure, local)
    goal = reach.posed(side + "Arm", reach.rest(side + "Arm")) + np.array([-sign * 0.1, -0.2, 0.3])
    reach.aim(side, goal, np.array([sign * 0.5, -1.0, 0.0]))
    after = Reach.of(figure, local)
    np.testing.assert_allclose(after.posed(side + "Hand", after.rest(side + "Hand")), goal, atol=1e-6)
