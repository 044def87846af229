"""Matching of predicted to ground-truth people, and errors of the matched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.evaluation.metrics.matching import errors_of, match_people, recall
from pose3d_ros.records import Person, Pose

from ...conftest import Scene, person_at


@pytest.fixture
def person(scene: Scene) -> Person:
    return scene.ground_truth[0][0]


def scaled(person: Person, scale: float, scene: Scene) -> Pose:
    """The person that many times as large and as far on the same rays: at the same pixels."""
    return person_at(9, scale * person.pose.joints_cam_m, scene.camera).pose


def test_people_are_matched_whatever_their_order(scene: Scene) -> None:
    ground_truth = [p.pose for p in scene.ground_truth[0]]
    assert set(match_people(ground_truth[::-1], ground_truth)) == {(0, 2), (1, 1), (2, 0)}


def test_depth_decides_between_people_behind_each_other(scene: Scene, person: Person) -> None:
    ground_truth = [person.pose, scaled(person, 1.5, scene)]
    assert match_people([scaled(person, 1.45, scene)], ground_truth) == ((0, 1),)


def test_person_at_a_wrong_depth_is_matched(scene: Scene, person: Person) -> None:
    assert len(match_people([scaled(person, 2.5, scene)], [person.pose])) == 1


def test_people_apart_in_the_image_are_not_matched(scene: Scene) -> None:
    first, second = scene.ground_truth[0][:2]
    assert match_people([first.pose], [second.pose]) == ()
    assert match_people([], [second.pose]) == ()


def test_people_without_common_joints_are_matched_by_their_boxes(person: Person) -> None:
    blind = replace(person.pose, joints_img_px=np.full_like(person.pose.joints_img_px, np.nan))
    assert len(match_people([blind], [person.pose])) == 1


def test_kept_pairs_stay_matched_while_they_are_possible(scene: Scene, person: Person) -> None:
    people = [person.pose, scaled(person, 1.1, scene)]
    assert set(match_people(people, people)) == {(0, 0), (1, 1)}
    assert set(match_people(people, people, [(0, 1), (1, 0)])) == {(0, 1), (1, 0)}


def test_errors_of_a_moved_person(person: Person) -> None:
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


def test_errors_of_a_larger_person(scene: Scene, person: Person) -> None:
    errors = errors_of([(replace(person, pose=scaled(person, 1.1, scene)), person)])
    assert (errors.n_mpjpe_mm, errors.pa_mpjpe_mm) == pytest.approx((0.0, 0.0), abs=1e-6)
    assert errors.mpjpe_mm > 10


def test_recall_without_people_is_nan() -> None:
    assert np.isnan(recall([]))
    assert recall([True, False, True, True]) == 0.75
