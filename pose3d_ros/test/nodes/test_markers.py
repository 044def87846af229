from __future__ import annotations

from dataclasses import replace

import pytest
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from pose3d_ros.drawing.marker_lines import marker_lines
from pose3d_ros.nodes.conversion import PeopleInfo, PeopleWriter
from pose3d_ros.nodes.markers import BONES, JOINTS, LABEL, MarkerMaker
from pose3d_ros.records import Person, TrackState
from pose3d_ros.skeletons import get_skeleton

from .conftest import make_person

HEADER = Header(frame_id="cam")


def draw(maker: MarkerMaker, *people: Person) -> MarkerArray:
    info = PeopleInfo(get_skeleton("muco21"), "", True, 0.0)
    return maker.make(PeopleWriter().write(HEADER, people, info), people, 0.5)


def keys(markers: MarkerArray, action: int) -> set[tuple[str, int]]:
    return {(m.ns, m.id) for m in markers.markers if m.action == action}


def test_each_person_is_joints_bones_and_a_label() -> None:
    markers = draw(MarkerMaker(), make_person(1), make_person(2))
    assert keys(markers, Marker.ADD) == {(f"person_{i}", k) for i in (1, 2) for k in (JOINTS, BONES, LABEL)}
    assert [m.type for m in markers.markers[:3]] == [Marker.SPHERE_LIST, Marker.LINE_LIST, Marker.TEXT_VIEW_FACING]
    for marker in markers.markers:
        assert marker.header == HEADER
        assert marker.pose.orientation.w == 1.0
        assert (marker.lifetime.sec, marker.lifetime.nanosec) == (0, 500_000_000)


def test_marker_points_and_colors_are_those_of_the_marker_lines() -> None:
    person = make_person(3, x_m=0.0)
    lines = marker_lines(person)
    assert lines is not None
    joints, bones, label = draw(MarkerMaker(), person).markers
    assert [point.y for point in joints.points] == pytest.approx([joint / 10 for joint in lines.joints])
    assert [point.y for point in bones.points] == pytest.approx([j / 10 for edge, _ in lines.edges for j in edge])
    assert [(c.r, c.g, c.b, c.a) for c in bones.colors[::2]] == [pytest.approx(color) for _, color in lines.edges]
    assert len(bones.colors) == len(bones.points)
    assert (joints.color.r, joints.color.a) == pytest.approx((lines.color[0], lines.color[3]))
    assert label.text == "person_3  3.31 m"  # root at (0, 1.4, 3)
    assert label.pose.position.y == pytest.approx(get_skeleton("muco21").index_of["Head_top"] / 10)


def test_person_who_is_gone_or_lost_is_deleted_once() -> None:
    maker = MarkerMaker()
    draw(maker, make_person(1), make_person(2))
    for gone, remaining in (
        ("person_1", [make_person(2)]),
        ("person_2", [replace(make_person(2), state=TrackState.LOST)]),
    ):
        assert keys(draw(maker, *remaining), Marker.DELETE) == {(gone, k) for k in (JOINTS, BONES, LABEL)}
        assert not keys(draw(maker, *remaining), Marker.DELETE)


def test_clear_deletes_all_markers() -> None:
    maker = MarkerMaker()
    draw(maker, make_person(1))
    (everything,) = maker.clear(HEADER).markers
    assert everything.action == Marker.DELETEALL
    assert not draw(maker).markers
