from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.records import Person, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.smooth.lookahead import Lookahead, TimedPeople
from pose3d_ros.types import Array

from .conftest import CAMERA, person_at

SKELETON = get_skeleton("mpii16")
STEP_NS, MAX_GAP_S = 50_000_000, 0.5
BODY = np.linspace([-0.3, -0.8, 0.1], [0.3, 0.8, -0.1], len(SKELETON))


def at(place_m: Array, track_id: int = 1, state: TrackState = TrackState.TRACKED) -> Person:
    return person_at(BODY + place_m, SKELETON, track_id, state)


def run(frames: Sequence[tuple[Person, ...]], stamps_ns: Sequence[int], wait: int) -> list[TimedPeople]:
    lookahead = Lookahead()
    out = [lookahead(TimedPeople(s, f, CAMERA), wait, MAX_GAP_S) for s, f in zip(stamps_ns, frames, strict=True)]
    return [late for late in out if late is not None]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 8), st.integers(0, 99))
def test_frames_come_out_late_with_their_own_stamps_and_a_parabola_keeps_its_form(wait: int, seed: int) -> None:
    """At irregular times; with few frames on a side only a line does."""
    rng = np.random.default_rng(seed)
    stamps_ns = np.cumsum(rng.integers(20_000_000, 120_000_000, 24)).tolist()
    seconds = np.array(stamps_ns) * 1e-9
    bend = 0.3 if wait >= 3 else 0.0
    path = seconds[:, None] * [0.5, 0.0, 0.2] + bend * seconds[:, None] ** 2 * [0.0, 0.1, 1.0] + [0, 0, 3]
    late = run([(at(place),) for place in path], stamps_ns, wait)
    assert [frame.stamp_ns for frame in late] == stamps_ns[: 24 - wait]
    for frame, place in list(zip(late, path, strict=False))[3 if bend else 0 :]:
        (person,) = frame.people
        np.testing.assert_allclose(person.pose.joints_cam_m, BODY + place, atol=1e-6)
        np.testing.assert_allclose(person.pose.joints_img_px, CAMERA.project(person.pose.joints_cam_m))
        np.testing.assert_allclose(person.pose.root_cam_m, (BODY + place)[SKELETON.root], atol=1e-6)


@pytest.mark.parametrize(("wait", "least"), [(1, 1.5), (2, 2.0), (4, 1.7), (8, 2.3)])
def test_white_errors_get_smaller(wait: int, least: float) -> None:
    rng = np.random.default_rng(0)
    places = [np.array([0, 0, 4.0]) + rng.normal(0, 0.05, 3) for _ in range(300)]
    late = run([(at(p),) for p in places], [i * STEP_NS for i in range(300)], wait)
    errors = [frame.people[0].pose.root_cam_m - at(np.array([0, 0, 4.0])).pose.root_cam_m for frame in late[20:-20]]
    assert 0.05 / np.std(errors) > least


def test_frames_of_others_gaps_and_unmeasured_people_do_not_count() -> None:
    here, far = np.array([0, 0, 4.0]), np.array([0, 0, 9.0])
    frames = [(at(here), at(far, 2)), (at(far, 1, TrackState.PREDICTED),), (at(here),), (at(here),), (at(far),)]
    stamps_ns = [0, 1, 2, 3, 3 + round(0.6e9 / STEP_NS)]
    late = run(frames, [s * STEP_NS for s in stamps_ns], 2)
    assert len(late) == 3
    np.testing.assert_allclose(late[0].people[0].pose.joints_cam_m, BODY + here, atol=1e-9)
    np.testing.assert_allclose(late[0].people[1].pose.joints_cam_m, BODY + far, atol=1e-9)
    assert late[1].people == frames[1]
    np.testing.assert_allclose(late[2].people[0].pose.joints_cam_m, BODY + here, atol=1e-9)


def test_joints_that_were_not_measured_stay_missing_and_others_are_smoothed_without_them() -> None:
    people = [at(np.array([0, 0, 4.0])) for _ in range(5)]
    people[2].pose.joints_cam_m[3] = np.nan
    people[1].pose.joints_cam_m[5] = np.nan
    late = run([(p,) for p in people], [i * STEP_NS for i in range(5)], 2)
    joints = late[2].people[0].pose.joints_cam_m
    assert np.flatnonzero(np.isnan(joints).any(axis=1)).tolist() == [3]
    np.testing.assert_allclose(joints[5], people[0].pose.joints_cam_m[5], atol=1e-9)


def test_another_skeleton_is_another_past() -> None:
    other = person_at(np.tile([0.0, 0, 7], (17, 1)), get_skeleton("h36m17"))
    here = at(np.array([0, 0, 4.0]))
    late = run([(here,), (here,), (other,)], [0, STEP_NS, 2 * STEP_NS], 1)
    np.testing.assert_allclose(late[1].people[0].pose.joints_cam_m, here.pose.joints_cam_m, atol=1e-9)


def test_clock_that_goes_back_forgets_the_frames_that_wait() -> None:
    people = (at(np.array([0, 0, 4.0])),)
    stamps_ns = [10_000_000_000, 10_050_000_000, 2_000_000_000, 2_050_000_000]
    assert [frame.stamp_ns for frame in run([people] * 4, stamps_ns, 1)] == [10_000_000_000, 2_000_000_000]


def test_late_frames_and_the_same_stamp_twice_are_no_harm() -> None:
    people = (at(np.array([0, 0, 4.0])),)
    late = run([people] * 5, [0, STEP_NS, STEP_NS, 0, 3 * STEP_NS], 1)
    assert all(np.isfinite(f.people[0].pose.joints_cam_m).all() for f in late)
