"""What of a person the markers show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.drawing.colors import PERSON_HEX
from pose3d_ros.drawing.marker_lines import marker_lines, rgba
from pose3d_ros.records import Person, TrackState

from ..conftest import Scene


@pytest.fixture
def person(scene: Scene) -> Person:
    return scene.ground_truth[0][0]


def without(person: Person, *names: str) -> Person:
    joints_m = person.pose.joints_cam_m.copy()
    joints_m[[person.pose.skeleton.index_of[name] for name in names]] = np.nan
    return replace(person, pose=replace(person.pose, joints_cam_m=joints_m))


def test_complete_person_has_all_joints_bones_and_a_label_at_the_head(person: Person) -> None:
    lines = marker_lines(person)
    assert lines is not None
    skeleton = person.pose.skeleton
    assert lines.joints == tuple(range(len(skeleton)))
    assert tuple(edge for edge, _ in lines.edges) == skeleton.edges
    assert lines.label_joint == skeleton.index_of["Head_top"]
    assert lines.distance_m == pytest.approx(np.sqrt((person.pose.root_cam_m**2).sum()))
    assert lines.color == rgba(PERSON_HEX[0], 1.0)


def test_joints_without_a_position_and_their_bones_are_left_out(person: Person) -> None:
    lines = marker_lines(without(person, "Head_top", "L_Knee"))
    assert lines is not None
    index = person.pose.skeleton.index_of
    assert not {index["Head_top"], index["L_Knee"]} & {joint for edge, _ in lines.edges for joint in edge}
    assert len(lines.joints) == len(person.pose.skeleton) - 2
    assert lines.label_joint == index["Head"]


def test_bones_are_colored_by_side_and_people_by_id(person: Person) -> None:
    lines, other = marker_lines(person), marker_lines(replace(person, track_id=2))
    assert lines is not None
    assert other is not None
    colors = dict(lines.edges)
    names = person.pose.skeleton.joints
    left, right = (next(c for e, c in colors.items() if names[e[1]] == f"{side}_Knee") for side in "LR")
    assert left != right
    assert lines.color != other.color
    assert lines.edges == other.edges


@pytest.mark.parametrize(("state", "alpha"), [(TrackState.TRACKED, 1.0), (TrackState.PREDICTED, 0.35)])
def test_predicted_person_is_faint(person: Person, state: TrackState, alpha: float) -> None:
    lines = marker_lines(replace(person, state=state))
    assert lines is not None
    assert {lines.color[3], *(color[3] for _, color in lines.edges)} == {alpha}


def test_lost_person_is_not_shown_and_one_without_a_head_is_labeled_at_the_root(person: Person) -> None:
    assert marker_lines(replace(person, state=TrackState.LOST)) is None
    headless = marker_lines(without(person, "Head_top", "Head", "Thorax"))
    assert headless is not None
    assert headless.label_joint is None


def test_colors_are_from_0_to_1() -> None:
    assert rgba("#ff0080", 0.5) == (1.0, 0.0, 128 / 255, 0.5)
