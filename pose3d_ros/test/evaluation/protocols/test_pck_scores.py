"""3DPCK and AUC of MuPoTS-3D, bones rescaled or not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.evaluation.protocols.pck_scores import errors_mm, pck_scores, rescaled_to
from pose3d_ros.records import Person
from pose3d_ros.skeletons import get_skeleton

from ...conftest import person_at
from ..datasets.conftest import CAMERA, walker_m
from .conftest import grown, moved, with_joints

MUPOTS = get_skeleton("mupots17")


@pytest.fixture
def person() -> Person:
    """A walker."""
    return person_at(1, walker_m(0, 1), CAMERA).converted(MUPOTS)


def test_bones_take_the_ground_truths_lengths_and_keep_their_directions(person: Person) -> None:
    joints = person.pose.joints_cam_m
    sized = rescaled_to(grown(1.3)(person).pose.joints_cam_m, joints)
    np.testing.assert_allclose(sized, joints, atol=1e-12)
    bent = joints.copy()
    elbow, wrist = MUPOTS.index_of["L_Elbow"], MUPOTS.index_of["L_Wrist"]
    bent[wrist] = bent[elbow] + [0.5, 0, 0]
    sized = rescaled_to(bent, joints)
    length = np.linalg.norm(joints[wrist] - joints[elbow])
    np.testing.assert_allclose(sized[wrist], joints[elbow] + [length, 0, 0])


def test_a_person_who_is_too_large_is_right_only_after_rescaling(person: Person) -> None:
    rows = [[(grown(2.0)(person), person)]]
    assert pck_scores(rows, relative=True, rescaled=True).pck_all == 100.0
    unscaled = pck_scores(rows, relative=True, rescaled=False).pck_all
    distances = np.linalg.norm(person.pose.joints_cam_m - person.pose.root_cam_m, axis=1)[:14]
    assert unscaled == pytest.approx(100 * np.mean(distances < 0.15))


def test_threshold_is_strict_and_the_root_counts_in_camera_space_only(person: Person) -> None:
    joints = person.pose.joints_cam_m - person.pose.root_cam_m
    at_origin = with_joints(person, joints)
    rows = [[(with_joints(person, joints + [0.15, 0, 0]), at_origin)]]
    absolute = pck_scores(rows, relative=False, rescaled=False)
    errors = errors_mm(rows[0], relative=False, rescaled=False)
    assert absolute.pck_all == pytest.approx(100 * np.mean(errors < 150))
    assert pck_scores(rows, relative=True, rescaled=False).pck_all == 100.0
    near = [[(moved((0.149, 0, 0))(person), person)]]
    assert pck_scores(near, relative=False, rescaled=False).pck_all == 100.0
    assert pck_scores(near, relative=False, rescaled=False).auc_all == pytest.approx(100 / 31)


def test_people_and_joints_that_are_not_found_are_wrong(person: Person) -> None:
    pose = person.pose
    joints = pose.joints_cam_m.copy()
    joints[MUPOTS.index_of["L_Wrist"]] = np.nan
    lost = replace(person, pose=replace(pose, joints_cam_m=joints))
    rows: list[list[tuple[Person | None, Person]]] = [[(person, person), (None, person)], [(lost, person)], []]
    found = pck_scores(rows, relative=True, rescaled=True)
    assert found.pck_all == pytest.approx((50.0 + 100 * 13 / 14) / 2)
    assert found.pck_matched == pytest.approx((100.0 + 100 * 13 / 14) / 2)
    assert found.auc_all == pytest.approx(found.pck_all * 30 / 31)
