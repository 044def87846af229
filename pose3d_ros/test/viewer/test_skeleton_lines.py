from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.drawing.colors import LEFT_HEX, RIGHT_HEX, bgr, person_bgr
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Person, TrackState
from pose3d_ros.viewer.shown_frame import ShownFrame
from pose3d_ros.viewer.skeleton_lines import Trails, skeleton_lines
from pose3d_ros.viewer.world import cam2world

from ..conftest import CAMERA_HEIGHT_M, Scene

TO_WORLD = cam2world(GroundPlane.of_mounting(CAMERA_HEIGHT_M))


@pytest.fixture
def person(scene: Scene) -> Person:
    return scene.ground_truth[0][0]


def test_all_people_are_in_one_set_of_lines_above_the_floor(scene: Scene) -> None:
    people = scene.ground_truth[0]
    lines, bones = skeleton_lines(people, TO_WORLD), len(people[0].pose.skeleton.edges)
    assert lines.bones_m.shape == (3 * bones, 2, 3)
    assert lines.bone_colors.shape == lines.bones_m.shape
    assert lines.joints_m.shape == lines.joint_colors.shape == (63, 3)
    assert -0.05 < lines.joints_m[:, 2].min() < 0.2
    assert 1.4 < lines.joints_m[:, 2].max() < 2.0


def test_colors_are_those_of_the_markers(person: Person) -> None:
    lines, skeleton = skeleton_lines([person], TO_WORLD), person.pose.skeleton
    colors = {skeleton.joints[child]: lines.bone_colors[at, 0] for at, (_, child) in enumerate(skeleton.edges)}
    assert tuple(colors["L_Wrist"][::-1]) == bgr(LEFT_HEX)
    assert tuple(colors["R_Wrist"][::-1]) == bgr(RIGHT_HEX)
    assert tuple(lines.joint_colors[0][::-1]) == person_bgr(person.track_id)


def test_label_above_the_head_says_who_and_how_far(person: Person) -> None:
    (label,) = skeleton_lines([person], TO_WORLD).labels
    distance_m = np.linalg.norm(person.pose.root_cam_m)
    assert label.text.startswith(f"P1 {distance_m:.2f} m")
    assert label.position_m[2] > TO_WORLD.apply(person.pose.joints_cam_m)[:, 2].max()


def test_lost_people_and_lost_joints_are_not_drawn(person: Person) -> None:
    joints = person.pose.joints_cam_m.copy()
    joints[person.pose.skeleton.index_of["L_Wrist"]] = np.nan
    partly = replace(person, pose=replace(person.pose, joints_cam_m=joints))
    lines = skeleton_lines([partly, replace(person, state=TrackState.LOST)], TO_WORLD)
    assert len(lines.labels) == 1
    assert np.isfinite(lines.bones_m).all()
    assert np.isfinite(lines.joints_m).all()
    assert len(lines.joints_m) == len(joints) - 1


def test_predicted_person_is_faint_and_said_to_be_so(person: Person) -> None:
    faint = skeleton_lines([replace(person, state=TrackState.PREDICTED)], TO_WORLD)
    clear = skeleton_lines([person], TO_WORLD)
    assert faint.joint_colors.sum() < 0.6 * clear.joint_colors.sum()
    assert faint.labels[0].text.endswith("(predicted)")


def test_no_people_are_no_lines() -> None:
    lines = skeleton_lines([], TO_WORLD)
    assert (len(lines.bones_m), len(lines.joints_m), lines.labels) == (0, 0, ())


def test_trails_follow_people_on_the_floor_and_end_with_them(frames: Sequence[ShownFrame]) -> None:
    trails = Trails()
    for frame in frames:
        trails.add(frame.stamp_ns, frame.people, TO_WORLD)
    segments, colors = trails.lines()
    assert segments.shape == colors.shape
    assert len(segments) >= 3 * 10
    assert set(segments[:, :, 2].ravel()) == {0.01}
    assert 1.2 < np.linalg.norm(segments[0, 0] - segments[len(segments) // 3 - 1, 1]) < 1.9  # 0.8 m/s for 2 s
    trails.add(frames[-1].stamp_ns + 1, frames[-1].people[:1], TO_WORLD)
    assert len(trails.lines()[0]) == pytest.approx(len(segments) / 3, abs=2)
    trails.clear()
    assert len(trails.lines()[0]) == 0


def test_trails_forget_what_is_older_than_three_seconds(frames: Sequence[ShownFrame]) -> None:
    trails, (first, *_) = Trails(), frames
    for at_s in np.arange(0.0, 20.0, 0.2):
        trails.add(first.stamp_ns + round(at_s * 1e9), first.people[:1], TO_WORLD)
    assert 14 <= len(trails.lines()[0]) <= 16
