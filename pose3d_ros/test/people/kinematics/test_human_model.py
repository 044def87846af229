from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.people.kinematics.human_model import BodySizes, Vector, link_poses, links_in_body, model_joints, turn

SIZES = BodySizes()
REP_155 = (
    "waist torso r_head y_head p_head head l_y_shoulder l_p_shoulder l_r_shoulder l_elbow l_wrist r_y_shoulder "
    "r_p_shoulder r_r_shoulder r_elbow r_wrist l_y_hip l_p_hip l_r_hip l_knee l_ankle r_y_hip r_p_hip r_r_hip r_knee "
    "r_ankle"
).split()
"""Joints of the REP's diagram of the kinematic model."""


def test_model_has_the_joints_of_rep_155_and_five_more() -> None:
    names = [joint.name for joint in model_joints(SIZES)]
    assert set(names) - set(REP_155) == {"r_waist", "y_waist", "r_torso", "l_r_knee", "r_r_knee"}
    # The right roll of the hips and the right knee's roll have names like "r_r_hip": none is there twice.
    assert len(names) == len(set(names)) == len(REP_155) + 5


def test_model_is_a_tree_with_parents_first() -> None:
    known = {"body"}
    for joint in model_joints(SIZES):
        assert joint.parent in known
        assert joint.child not in known
        known.add(joint.child)


def test_links_of_a_standing_body() -> None:
    angles = {joint.name: 0.0 for joint in model_joints(SIZES) if joint.axis is not None}
    links = links_in_body(SIZES, angles)
    np.testing.assert_allclose(links["torso"].translation_m, [0, 0, 0.605])
    np.testing.assert_allclose(links["l_wrist"].translation_m, [0, 0.176, 0.605 - 0.352 - 0.22], atol=1e-12)
    np.testing.assert_allclose(links["r_ankle"].translation_m, [0, -0.132, -0.77], atol=1e-12)
    np.testing.assert_allclose(links["head"].translation_m, [0.055, 0, 0.605 + 0.055 + 0.11], atol=1e-12)


@pytest.mark.parametrize(
    ("joint", "link", "moved"),
    [
        ("l_elbow", "l_wrist", (0.22, 0.176, 0.605 - 0.352)),  # the forearm comes forward
        ("l_knee", "l_ankle", (0.44, 0.132, -0.33)),
        ("l_r_hip", "l_ankle", (0.77, 0.132, 0.0)),  # the leg swings forward
        ("l_p_shoulder", "l_elbow", (0.0, 0.176 + 0.352, 0.605)),  # the arm is raised to the side
        ("r_p_shoulder", "r_elbow", (0.0, -0.176 - 0.352, 0.605)),
        ("waist", "torso", (0.605, 0.0, 0.0)),
    ],
)
def test_a_right_angle_moves_a_link_as_in_the_template(joint: str, link: str, moved: tuple[float, ...]) -> None:
    angles = {each.name: 0.0 for each in model_joints(SIZES) if each.axis is not None}
    links = links_in_body(SIZES, {**angles, joint: np.pi / 2})
    np.testing.assert_allclose(links[link].translation_m, moved, atol=1e-12)


def test_links_below_a_joint_without_an_angle_are_left_out() -> None:
    links = links_in_body(SIZES, {"l_y_hip": 0.1, "l_p_hip": 0.2})
    assert set(links) == {"body", "l_y_hip", "l_p_hip"}
    assert "l_knee" not in {pose.child for pose in link_poses(SIZES, {"l_y_hip": 0.1})}


@pytest.mark.parametrize("axis", [(1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.6, 0.8)])
def test_turn_keeps_its_axis_and_is_proper(axis: Vector) -> None:
    rotation = turn(axis, 0.7)
    np.testing.assert_allclose(rotation @ axis, axis, atol=1e-12)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.trace(rotation) == pytest.approx(1 + 2 * np.cos(0.7))


def test_turn_about_z_takes_x_to_y() -> None:
    np.testing.assert_allclose(turn((0.0, 0.0, 1.0), np.pi / 2) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
