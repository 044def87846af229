from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.evaluation.recording.scoring import match_session
from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.evaluation.recording.tables import tables_of
from pose3d_ros.evaluation.report.worst_frames import WorstFrame, draw_worst, worst_frames
from pose3d_ros.records import Person

from ...conftest import Scene


def moved(person: Person, joint: int, by_m: tuple[float, float, float]) -> Person:
    joints = person.pose.joints_cam_m.copy()
    joints[joint] += by_m
    return replace(person, pose=replace(person.pose, joints_cam_m=joints))


@pytest.fixture
def faulty(session: Session) -> Session:
    """A hand 4 m away in frame 3, one 2 m too far in frame 20, no one found in frame 9, a person too many in 15."""
    frames = list(session.frames)
    people = [list(frame.raw or ()) for frame in frames]
    people[3][0] = moved(people[3][0], 4, (0.0, 0.0, 4.0))
    pose, shift_m = people[20][1].pose, np.array([0.0, 0.0, 2.0])
    pose = replace(pose, root_cam_m=pose.root_cam_m + shift_m, joints_cam_m=pose.joints_cam_m + shift_m)
    people[20][1] = replace(people[20][1], pose=pose)
    people[9] = []
    people[15].append(replace(people[15][0], track_id=50))
    frames = [replace(frame, raw=tuple(found)) for frame, found in zip(frames, people, strict=True)]
    return replace(session, frames=tuple(frames))


def chosen(session: Session) -> tuple[WorstFrame, ...]:
    return worst_frames(session, tables_of(session, match_session(session)))


def test_worst_of_each_kind_is_named(faulty: Session) -> None:
    found = chosen(faulty)
    assert next(one.frame for one in found if "joints of person" in one.caption) == 3
    assert "m too far" in next(one.caption for one in found if one.frame == 20)
    assert {one.frame for one in found if "missed" in one.caption} == {9}
    false = [one for one in found if one.is_detection]
    assert [(one.frame, "no ground-truth person" in one.caption) for one in false] == [(15, True)]
    assert len(found) <= 8


def test_one_person_is_not_shown_twice_at_the_same_time(faulty: Session) -> None:
    found = chosen(faulty)
    times_s = [(one.person, one.is_detection, faulty.frames[one.frame].stamp_ns * 1e-9) for one in found]
    apart = [abs(a[2] - b[2]) for i, a in enumerate(times_s) for b in times_s[:i] if a[:2] == b[:2]]
    assert min(apart) >= 0.7


def test_nothing_without_ground_truth(faulty: Session) -> None:
    assert chosen(replace(faulty, has_ground_truth=False)) == ()
    assert chosen(replace(faulty, frames=())) == ()


def test_prediction_ground_truth_and_mark_are_drawn(scene: Scene, faulty: Session) -> None:
    image = np.full_like(scene.image(3), 90)
    drawn = draw_worst(faulty, image, chosen(faulty)[0])
    assert drawn.shape[1] == 960
    assert (drawn == (77, 225, 255)).all(axis=-1).any()  # the mark
    assert (drawn > 250).all(axis=-1).any()  # the ground truth's white
