"""Weighted sums of joints: what they keep, and which one is taken."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.skeletons import SKELETONS
from pose3d_ros.stages.lift.derived_joints import WEIGHTED, sums_of
from pose3d_ros.stages.lift.joint_mapping import JointMap

COCO, H36M = SKELETONS["coco17"], SKELETONS["h36m17"]
SPINE, NECK, TOP = (H36M.index_of[name] for name in ("Spine", "Neck", "Head_top"))
EARS = [COCO.index_of["L_Ear"], COCO.index_of["R_Ear"]]
EYES = [COCO.index_of["L_Eye"], COCO.index_of["R_Eye"]]


@pytest.mark.parametrize("joint", WEIGHTED)
def test_weights_add_up_to_one(joint: str) -> None:
    for weights in WEIGHTED[joint]:
        assert sum(weights.values()) == pytest.approx(1.0, abs=1e-9)


def test_derived_joints_turn_scale_move_and_mirror_with_the_person() -> None:
    points = np.random.default_rng(0).normal(size=(3, len(COCO), 2))
    turn = np.array([[0.6, -0.8], [0.8, 0.6]]) * 2.5
    joints = JointMap.in_image(COCO, H36M)
    np.testing.assert_allclose(joints.coordinates(points @ turn + (7, -3)), joints.coordinates(points) @ turn + (7, -3))
    mirrored = (points * (-1, 1))[:, list(COCO.flip_order)]
    expected = (joints.coordinates(points) * (-1, 1))[:, list(H36M.flip_order)]
    np.testing.assert_allclose(joints.coordinates(mirrored), expected, atol=1e-12)


def test_spine_by_hand() -> None:
    points = np.zeros((1, len(COCO), 2))
    for name, at in {"L_Hip": (-1, 10), "R_Hip": (1, 10), "L_Shoulder": (-2, 0), "R_Shoulder": (2, 0)}.items():
        points[0, COCO.index_of[name]] = at
    np.testing.assert_allclose(JointMap.in_image(COCO, H36M).coordinates(points)[0, SPINE], (0, 5.03))


def test_next_sum_where_joints_of_the_first_were_not_seen() -> None:
    points = np.random.default_rng(1).normal(size=(1, len(COCO), 2))
    joints = JointMap.in_image(COCO, H36M)
    hidden = points.copy()
    hidden[0, EYES] = np.nan
    third = WEIGHTED["Head_top"][1]
    ears, nose = hidden[0, EARS].mean(axis=0), hidden[0, COCO.index_of["Nose"]]
    shoulders = hidden[0, [COCO.index_of["L_Shoulder"], COCO.index_of["R_Shoulder"]]].mean(axis=0)
    expected = third["Thorax"] * shoulders + third["Ears"] * ears + third["Nose"] * nose
    np.testing.assert_allclose(joints.coordinates(hidden)[0, TOP], expected)
    hidden[0, COCO.index_of["Nose"]] = np.nan
    assert np.isnan(joints.coordinates(hidden)[0, TOP]).all()
    assert np.isfinite(joints.coordinates(hidden)[0, NECK]).all()


def test_score_is_the_least_of_the_sum_that_is_taken() -> None:
    scores = np.full((1, len(COCO)), 0.9)
    scores[0, EARS] = 0.3
    joints = JointMap.in_image(COCO, H36M)
    assert joints.scores(scores)[0, TOP] == 0.3
    scores[0, EYES[0]] = 0.0
    assert joints.scores(scores)[0, TOP] == 0.3
    scores[0, EARS[0]] = 0.0
    assert joints.scores(scores)[0, TOP] == 0.9  # of nose, shoulders and hips
    scores[0, COCO.index_of["Nose"]] = 0.0
    assert joints.scores(scores)[0, TOP] == 0.0


def test_own_joint_comes_before_a_sum() -> None:
    assert sums_of("Spine", H36M) == ({SPINE: 1.0},)
    assert sums_of("L_Toe", COCO) == ()


@pytest.mark.parametrize("source", ["coco17", "mediapipe33", "body40", "h36m18", "muco21", "mpii16"])
@pytest.mark.parametrize("target", ["h36m17", "h36m16", "mpii16", "mupots17"])
def test_joints_of_human36m_and_mpii_follow_from_those_of_other_data_sets(source: str, target: str) -> None:
    assert JointMap.in_image(SKELETONS[source], SKELETONS[target]).missing == ()
