from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.drawing.colors import PERSON_HEX
from pose3d_ros.drawing.marker_lines import MarkerLines, marker_lines, rgba
from pose3d_ros.records import Person, TrackState

from ..conftest import Scene


@pytest.fixture
def person(scene: Scene) -> Person:
    return scene.ground_truth[0][0]


def lines_of(person: Person, *lost_joints: str) -> MarkerLines:
    """The lines of a person without some of the joints."""
    joints_m = person.pose.joints_cam_m.copy()
    joints_m[[person.pose.skeleton.index_of[name] for name in lost_joints]] = np.nan
    lines = marker_lines(replace(person, pose=replace(person.pose, joints_cam_m=joints_m)))
    assert lines is not None
    return lines


def test_complete_person_has_all_joints_bones_and_a_label_at_the_head(person: Person) -> None:
    lines, skeleton = lines_of(person), person.pose.skeleton
    assert lines.joints == tuple(range(len(skeleton)))
    assert tuple(edge for edge, _ in lines.edges) == skeleton.edges
    assert lines.label_joint == skeleton.index_of["Head_top"]
    assert lines.distance_m == pytest.approx(np.sqrt((person.pose.root_cam_m**2).sum()))
    assert lines.color == rgba(PERSON_HEX[0], 1.0)


def test_joints_without_a_position_and_their_bones_are_left_out(person: Person) -> None:
    lines, index = lines_of(person, "Head_top", "L_Knee"), person.pose.skeleton.index_of
    assert not {index["Head_top"], index["L_Knee"]} & {joint for edge, _ in lines.edges for joint in edge}
    assert len(lines.joints) == len(index) - 2
    assert lines.label_joint == index["Head"]
    assert lines_of(person, "Head_top", "Head", "Thorax").label_joint is None


def test_bones_are_colored_by_side_and_people_by_id(person: Person) -> None:
    lines, other = lines_of(person), lines_of(replace(person, track_id=2))
    colors = {person.pose.skeleton.joints[edge[1]]: color for edge, color in lines.edges}
    assert colors["L_Knee"] != colors["R_Knee"]
    assert lines.color != other.color
    assert lines.edges == other.edges


@pytest.mark.parametrize(("state", "alpha"), [(TrackState.TRACKED, 1.0), (TrackState.PREDICTED, 0.35)])
def test_predicted_person_is_faint(person: Person, state: TrackState, alpha: float) -> None:
    lines = lines_of(replace(person, state=state))
    assert {lines.color[3], *(color[3] for _, color in lines.edges)} == {alpha}


def test_lost_person_is_not_shown(person: Person) -> None:
    assert marker_lines(replace(person, state=TrackState.LOST)) is None


def test_colors_are_from_0_to_1() -> None:
    assert rgba("#ff0080", 0.5) == (1.0, 0.0, 128 / 255, 0.5)
