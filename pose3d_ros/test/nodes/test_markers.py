"""Markers: what is drawn, what goes away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from pose3d_ros.nodes.conversion import PeopleInfo, PeopleWriter
from pose3d_ros.nodes.markers import BONES, JOINTS, LABEL, MarkerMaker
from pose3d_ros.records import Person, TrackState
from pose3d_ros.skeletons import get_skeleton

MakePerson = Callable[..., Person]
SKELETON = get_skeleton("muco21")
HEADER = Header(frame_id="cam")


def draw(maker: MarkerMaker, *people: Person, lifetime_s: float = 0.5) -> MarkerArray:
    info = PeopleInfo(SKELETON, "", True, 0.0)
    return maker.make(PeopleWriter().write(HEADER, people, info), people, lifetime_s)


def keys(markers: MarkerArray, action: int) -> set[tuple[str, int]]:
    return {(m.ns, m.id) for m in markers.markers if m.action == action}


def test_each_person_is_joints_bones_and_a_label(make_person: MakePerson) -> None:
    markers = draw(MarkerMaker(), make_person(1), make_person(2))
    assert keys(markers, Marker.ADD) == {(f"person_{i}", k) for i in (1, 2) for k in (JOINTS, BONES, LABEL)}
    joints, bones, label = markers.markers[:3]
    assert (joints.type, bones.type, label.type) == (Marker.SPHERE_LIST, Marker.LINE_LIST, Marker.TEXT_VIEW_FACING)
    for marker in markers.markers:
        assert marker.header == HEADER
        assert marker.pose.orientation.w == 1.0
        assert (marker.lifetime.sec, marker.lifetime.nanosec) == (0, 500_000_000)
        assert all(0.0 <= c <= 1.0 for c in (marker.color.r, marker.color.g, marker.color.b, marker.color.a))


def test_lost_joints_and_their_bones_are_left_out(make_person: MakePerson) -> None:
    joints, bones, _ = draw(MarkerMaker(), make_person()).markers
    assert len(joints.points) == 20
    whole = [edge for edge in SKELETON.edges if 1 not in edge]
    assert len(whole) < len(SKELETON.edges)
    assert len(bones.points) == len(bones.colors) == 2 * len(whole)


def test_the_label_gives_id_and_distance_at_the_head(make_person: MakePerson) -> None:
    label = draw(MarkerMaker(), make_person(3, x_m=0.0)).markers[2]
    assert label.text == "person_3  3.31 m"  # root at (0, 1.4, 3)
    head = SKELETON.index_of["Head_top"]
    assert label.pose.position.y == pytest.approx(head / 10)


def test_people_keep_their_colour(make_person: MakePerson) -> None:
    maker = MarkerMaker()
    first, second = (draw(maker, make_person(1), make_person(2)).markers for _ in range(2))
    assert first[0].color == second[0].color
    assert first[0].color != first[3].color


def test_predicted_people_are_faint(make_person: MakePerson) -> None:
    faint = draw(MarkerMaker(), replace(make_person(), state=TrackState.PREDICTED)).markers[0]
    assert faint.color.a < 0.5


def test_who_is_gone_is_deleted_once(make_person: MakePerson) -> None:
    maker = MarkerMaker()
    draw(maker, make_person(1), make_person(2))
    gone = draw(maker, make_person(2))
    assert keys(gone, Marker.DELETE) == {("person_1", k) for k in (JOINTS, BONES, LABEL)}
    assert not keys(draw(maker, make_person(2)), Marker.DELETE)


def test_a_lost_person_is_deleted(make_person: MakePerson) -> None:
    maker = MarkerMaker()
    draw(maker, make_person(1))
    markers = draw(maker, replace(make_person(1), state=TrackState.LOST))
    assert not keys(markers, Marker.ADD)
    assert len(keys(markers, Marker.DELETE)) == 3


def test_clearing_takes_all_away_and_forgets(make_person: MakePerson) -> None:
    maker = MarkerMaker()
    draw(maker, make_person(1))
    (everything,) = maker.clear(HEADER).markers
    assert everything.action == Marker.DELETEALL
    assert not draw(maker).markers
