from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pose3d_ros.evaluation.metrics.identity import id_switches, idf1, recall
from pose3d_ros.evaluation.metrics.matching import box_iou, match_people
from pose3d_ros.records import Person


def test_id_switches_count_changes_and_remember_over_gaps() -> None:
    frames = [[(1, 7), (2, 8)], [(1, 7)], [], [(1, 9), (2, 8)], [(1, 7)]]
    assert id_switches(frames) == 2  # 7 → 9 → 7; person 2 comes back as 8


def test_swapped_ids_are_two_switches() -> None:
    assert id_switches([[(1, 1), (2, 2)], [(1, 2), (2, 1)]]) == 2


def test_idf1_worked_by_hand() -> None:
    # Truth 1 is track 7 for three frames and 9 for one: IDTP = 3 of 4 truths and 5 predictions.
    assert idf1([[(1, 7)], [(1, 7)], [(1, 7)], [(1, 9)]], truth_count=4, predicted_count=5) == pytest.approx(6 / 9)
    assert idf1([[]], truth_count=2, predicted_count=0) == 0.0
    assert np.isnan(idf1([], 0, 0))


def test_recall_of_nothing_is_nan() -> None:
    assert np.isnan(recall([]))
    assert recall([True, False, True, True]) == 0.75


def test_box_iou() -> None:
    a, b = np.array([0.0, 0, 2, 2]), np.array([1.0, 1, 3, 3])
    assert box_iou(a, b) == pytest.approx(1 / 7)
    assert box_iou(a, np.array([5.0, 5, 6, 6])) == 0.0
    assert box_iou(np.zeros(4), np.zeros(4)) == 0.0


def test_people_match_whatever_their_order(scene: Any) -> None:
    truth = [p.pose for p in scene.truth[0]]
    matches = match_people(truth[::-1], truth)
    assert {(m.predicted, m.truth) for m in matches} == {(0, 2), (1, 1), (2, 0)}


def test_depth_decides_between_people_behind_each_other(scene: Any, person_maker: Callable[..., Person]) -> None:
    near = scene.truth[0][0]
    joints = near.pose.joints_cam_m
    far = person_maker(2, joints * 1.5, scene.camera)  # 1.5 times as far on the same rays: the same pixels
    guess = person_maker(9, joints * 1.45, scene.camera)
    matches = match_people([guess.pose], [near.pose, far.pose])
    assert [(m.predicted, m.truth) for m in matches] == [(0, 1)]


def test_a_wrong_depth_alone_is_still_a_match(scene: Any, person_maker: Callable[..., Person]) -> None:
    near = scene.truth[0][0]
    guess = person_maker(9, near.pose.joints_cam_m * 2.5, scene.camera)
    assert len(match_people([guess.pose], [near.pose])) == 1


def test_people_apart_in_the_image_do_not_match(scene: Any) -> None:
    first, second = scene.truth[0][:2]
    assert match_people([first.pose], [second.pose]) == ()
    assert match_people([], [second.pose]) == ()


def test_without_common_joints_the_boxes_decide(scene: Any) -> None:
    pose = scene.truth[0][0].pose
    blind = replace(pose, joints_img_px=np.full_like(pose.joints_img_px, np.nan))
    assert len(match_people([blind], [pose])) == 1
