"""Several cameras' people over time: one identity each, nobody lost, hand-over, cameras that go, other skeletons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.records import Person, TrackState
from pose3d_ros.skeletons import convert, get_skeleton
from pose3d_ros.stages.multiview.camera_fusion import CameraFusion, FusionTimes
from pose3d_ros.stages.multiview.camera_view import CameraView
from pose3d_ros.types import Array

from .conftest import MUCO, RATE_HZ, Eye, body

Walk = Callable[[float], Array]
VELOCITY_MPS = (0.0, 1.0, 0.0)


def fuse(fusion: CameraFusion, seconds: float, *views: CameraView) -> tuple[Person, ...]:
    return fusion.update(views, round(seconds * 1e9), MUCO).people


def times(seconds: float, start_s: float = 0.0) -> Sequence[float]:
    return [start_s + at / RATE_HZ for at in range(round(seconds * RATE_HZ))]


def root_error_m(person: Person, joints_m: Array) -> float:
    return float(np.linalg.norm(person.pose.root_cam_m - joints_m[MUCO.root]))


def test_one_person_in_two_cameras_is_one(left: Eye, right: Eye, walk: Walk) -> None:
    fusion = CameraFusion()
    for at in times(2.0):
        views = [eye.view(at, eye.person(number, walk(at), VELOCITY_MPS)) for number, eye in ((7, left), (3, right))]
        (person,) = fuse(fusion, at, *views)
        assert (person.track_id, person.state) == (1, TrackState.TRACKED)
        assert person.pose.root_solvers == ("triangulated",)
        assert root_error_m(person, walk(at)) < 0.06
    np.testing.assert_allclose(person.velocity_cam_mps, VELOCITY_MPS, atol=0.15)


def test_two_people_who_cross_keep_their_identities(left: Eye, right: Eye) -> None:
    """They pass each other half a metre apart; the cameras number them the other way round."""
    fusion, owner = CameraFusion(), dict[int, int]()
    for at in times(3.0):
        ways = [body((0.0, -1.5 + at), 1.5, 1), body((0.5, 1.5 - at), -1.5, 2)]
        speeds = [(0.0, 1.0, 0.0), (0.0, -1.0, 0.0)]
        views = []
        for eye, numbers in ((left, (1, 2)), (right, (2, 1))):
            views.append(eye.view(at, *(eye.person(*of) for of in zip(numbers, ways, speeds, strict=True))))
        people = fuse(fusion, at, *views)
        assert len(people) == 2
        for person in people:
            nearest = int(np.argmin([root_error_m(person, way) for way in ways]))
            assert root_error_m(person, ways[nearest]) < 0.1
            assert owner.setdefault(person.track_id, nearest) == nearest
    assert sorted(owner.values()) == [0, 1]


def test_who_only_one_camera_sees_is_kept(left: Eye, right: Eye, walk: Walk) -> None:
    fusion = CameraFusion()
    other = body((1.5, 1.0))
    for at in times(0.5):
        views = (
            left.view(at, left.person(1, walk(at))),
            right.view(at, right.person(1, walk(at)), right.person(2, other)),
        )
        people = fuse(fusion, at, *views)
    assert len(people) == 2
    (alone,) = [person for person in people if person.pose.root_solvers == ("learned",)]
    expected = right.cam2common.apply(right.person(2, other).pose.root_cam_m)
    assert np.linalg.norm(alone.pose.root_cam_m - expected) < 0.02


def test_a_distance_that_was_corrected_stays_so_when_the_other_camera_loses_the_person(
    left: Eye, right: Eye, walk: Walk
) -> None:
    fusion = CameraFusion()
    for at in times(1.0):
        fuse(fusion, at, left.view(at, left.person(1, walk(at))), right.view(at, right.person(1, walk(at))))
    for at in times(1.0, 1.0):
        (person,) = fuse(fusion, at, left.view(at, left.person(1, walk(at))), right.view(at))
        assert person.track_id == 1
        assert root_error_m(person, walk(at)) < 0.12
    uncorrected = left.cam2common.apply(left.person(1, walk(at)).pose.root_cam_m)
    assert np.linalg.norm(uncorrected - walk(at)[MUCO.root]) > 0.3


def test_handed_over_from_one_camera_to_the_other(left: Eye, right: Eye, walk: Walk) -> None:
    """The left camera loses the person half a second before the right one sees them."""
    left, right = replace(left, factor=1.02), replace(right, factor=0.98)
    fusion = CameraFusion()
    for at in times(1.0):
        (person,) = fuse(fusion, at, left.view(at, left.person(1, walk(at), VELOCITY_MPS)), right.view(at))
    for at in times(0.5, 1.0):
        (person,) = fuse(fusion, at, left.view(at), right.view(at))
        assert person.state == TrackState.PREDICTED
    (person,) = fuse(fusion, 1.5, left.view(1.5), right.view(1.5, right.person(9, walk(1.5), VELOCITY_MPS)))
    assert (person.track_id, person.state) == (1, TrackState.TRACKED)


def test_who_is_gone_is_lost_once(left: Eye, walk: Walk) -> None:
    fusion = CameraFusion(FusionTimes(predicted_s=0.2, max_age_s=0.5))
    fuse(fusion, 0.0, left.view(0.0, left.person(1, walk(0.0))))
    states = [[person.state for person in fuse(fusion, at, left.view(at))] for at in (0.1, 0.3, 0.6, 0.7)]
    assert states == [[TrackState.PREDICTED], [], [TrackState.LOST], []]
    (again,) = fuse(fusion, 0.8, left.view(0.8, left.person(2, walk(0.0))))
    assert again.track_id == 2


def test_a_camera_that_extrapolates_is_believed_where_no_other_sees_the_person(
    left: Eye, right: Eye, walk: Walk
) -> None:
    fusion = CameraFusion()
    fuse(fusion, 0.0, left.view(0.0, left.person(1, walk(0.0))), right.view(0.0, right.person(1, walk(0.0))))
    guess = left.view(0.1, left.person(1, walk(0.1), state=TrackState.PREDICTED))
    (person,) = fuse(fusion, 0.1, guess, right.view(0.1, right.person(1, walk(0.1))))
    assert person.state == TrackState.TRACKED
    (person,) = fuse(fusion, 0.1, guess, right.view(0.1))
    assert (person.state, person.track_id) == (TrackState.PREDICTED, 1)
    (lost,) = fuse(fusion, 0.2, left.view(0.2, left.person(1, walk(0.2), state=TrackState.LOST)))
    assert lost.state == TrackState.PREDICTED  # known again for a while, as by the tracker


def test_views_of_other_times_are_moved_to_one(left: Eye, right: Eye, walk: Walk) -> None:
    """The right camera's image is 60 ms older; left to itself it would be 6 cm away from where the left one is."""
    left, right = (replace(eye, factor=1.0, noise_px=0.0) for eye in (left, right))
    fusion = CameraFusion()
    for at in times(2.0):
        before = at - 0.06
        views = (
            left.view(at, left.person(1, walk(at), VELOCITY_MPS)),
            right.view(before, right.person(1, walk(before), VELOCITY_MPS)),
        )
        (person,) = fuse(fusion, at, *views)
    assert root_error_m(person, walk(at)) < 0.015


def test_three_cameras(left: Eye, right: Eye, walk: Walk) -> None:
    fusion, third = CameraFusion(), Eye("third", (4.0, 1.0, 1.8), factor=1.05)
    people: tuple[Person, ...] = ()
    for at in times(0.3):
        people = fuse(fusion, at, *(eye.view(at, eye.person(1, walk(at))) for eye in (left, right, third)))
    (person,) = people
    assert root_error_m(person, walk(at)) < 0.05


def test_cameras_of_different_skeletons(left: Eye, right: Eye, walk: Walk) -> None:
    """One gives COCO's joints, without a pelvis and with the nose as the root."""
    coco, joints_m = get_skeleton("coco17"), walk(0.0)
    in_coco = convert(joints_m, MUCO, coco)
    in_coco[coco.index_of["Nose"]] = joints_m[MUCO.index_of["Head"]] + (0.1, 0.0, 0.0)
    views = left.view(0.0, left.person(1, in_coco, skeleton=coco)), right.view(0.0, right.person(1, joints_m))
    (person,) = fuse(CameraFusion(), 0.0, *views)
    assert person.pose.skeleton == MUCO
    assert root_error_m(person, joints_m) < 0.08
    knee = MUCO.index_of["L_Knee"]
    assert np.linalg.norm(person.pose.joints_cam_m[knee] - joints_m[knee]) < 0.08
    assert np.isfinite(person.pose.joints_cam_m).all()


def test_a_clock_that_goes_back_starts_afresh(left: Eye, walk: Walk) -> None:
    fusion = CameraFusion()
    fuse(fusion, 100.0, left.view(100.0, left.person(1, walk(0.0))))
    (person,) = fuse(fusion, 5.0, left.view(5.0, left.person(1, walk(0.0))))
    assert person.track_id == 2


def test_nobody(left: Eye, right: Eye) -> None:
    assert fuse(CameraFusion(), 0.0, left.view(0.0), right.view(0.0)) == ()
    assert fuse(CameraFusion(), 0.0) == ()


def test_people_are_in_no_image(left: Eye, walk: Walk) -> None:
    (person,) = fuse(CameraFusion(), 0.0, left.view(0.0, left.person(1, walk(0.0))))
    assert np.isnan(person.pose.joints_img_px).all()
    assert np.isnan(person.pose.detection.box_xyxy_px).all()
    assert person.score == pytest.approx(0.9)
