"""Matching of predicted and ground-truth people, and their errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pose3d_ros.evaluation.metrics.matching import errors_of, match_people
from pose3d_ros.records import Person


def test_people_are_matched_whatever_their_order(scene: Any) -> None:
    ground_truth = [p.pose for p in scene.ground_truth[0]]
    matches = match_people(ground_truth[::-1], ground_truth)
    assert set(matches) == {(0, 2), (1, 1), (2, 0)}


def test_depth_decides_between_people_behind_each_other(scene: Any, person_maker: Callable[..., Person]) -> None:
    near = scene.ground_truth[0][0]
    joints = near.pose.joints_cam_m
    far = person_maker(2, joints * 1.5, scene.camera)  # 1.5 times as far on the same rays: the same pixels
    guess = person_maker(9, joints * 1.45, scene.camera)
    matches = match_people([guess.pose], [near.pose, far.pose])
    assert matches == ((0, 1),)


def test_person_at_a_wrong_depth_is_matched(scene: Any, person_maker: Callable[..., Person]) -> None:
    near = scene.ground_truth[0][0]
    guess = person_maker(9, near.pose.joints_cam_m * 2.5, scene.camera)
    assert len(match_people([guess.pose], [near.pose])) == 1


def test_people_apart_in_the_image_are_not_matched(scene: Any) -> None:
    first, second = scene.ground_truth[0][:2]
    assert match_people([first.pose], [second.pose]) == ()
    assert match_people([], [second.pose]) == ()


def test_people_without_common_joints_are_matched_by_their_boxes(scene: Any) -> None:
    pose = scene.ground_truth[0][0].pose
    blind = replace(pose, joints_img_px=np.full_like(pose.joints_img_px, np.nan))
    assert len(match_people([blind], [pose])) == 1


def test_kept_pairs_stay_matched_while_they_are_possible(scene: Any, person_maker: Callable[..., Person]) -> None:
    near = scene.ground_truth[0][0]
    far = person_maker(2, near.pose.joints_cam_m * 1.1, scene.camera)
    people = [near.pose, far.pose]
    assert set(match_people(people, people)) == {(0, 0), (1, 1)}
    assert set(match_people(people, people, [(0, 1), (1, 0)])) == {(0, 1), (1, 0)}


def test_errors_of_a_moved_person(scene: Any) -> None:
    person = scene.ground_truth[0][0]
    pose, shift = person.pose, np.array([0.0, 0.3, 0.4])
    joints = pose.joints_cam_m.copy()
    joints[pose.skeleton.index_of["L_Toe"]] += [0.021, 0.0, 0.0]
    joints[pose.skeleton.index_of["R_Toe"]] = np.nan
    found = replace(person, pose=replace(pose, root_cam_m=pose.root_cam_m + shift, joints_cam_m=joints + shift))
    errors = errors_of([(found, person)])
    assert errors.root.mean_mm == pytest.approx(500.0)
    assert errors.mpjpe_mm == pytest.approx(21 / 20)
    assert errors.coverage == pytest.approx(20 / 21)
    assert np.isnan(errors_of([]).mpjpe_mm)


def test_errors_of_a_larger_person(scene: Any, person_maker: Callable[..., Person]) -> None:
    person = scene.ground_truth[0][0]
    larger = person_maker(1, 1.1 * person.pose.joints_cam_m, scene.camera)
    errors = errors_of([(larger, person)])
    assert errors.n_mpjpe_mm == pytest.approx(0.0, abs=1e-6)
    assert errors.pa_mpjpe_mm == pytest.approx(0.0, abs=1e-6)
    assert errors.mpjpe_mm > 10
