from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.viewer.shown_floor import ShownFloor
from pose3d_ros.viewer.shown_frame import ShownFrame

from ..conftest import CAMERA_HEIGHT_M


def tilt_deg(floor: ShownFloor, plane: GroundPlane) -> float:
    return float(np.rad2deg(np.arccos(np.clip(floor.plane.up_cam @ plane.up_cam, -1.0, 1.0))))


def test_floor_is_below_the_feet_of_a_recordings_people(frames: Sequence[ShownFrame]) -> None:
    floor = ShownFloor()
    floor.follow_all(frames)
    assert floor.origin == "from people's feet"
    assert floor.plane.height_m == pytest.approx(CAMERA_HEIGHT_M, abs=0.15)
    assert tilt_deg(floor, GroundPlane.of_mounting(1.0)) < 2.0


def test_given_floor_counts_before_all_else(frames: Sequence[ShownFrame]) -> None:
    given = GroundPlane.of_mounting(0.7, -5.0)
    floor = ShownFloor(given)
    floor.follow_all(frames)
    assert not floor.follow(replace(frames[0], ground=GroundPlane.of_mounting(2.0)))
    assert (floor.plane, floor.origin) == (given, "given")


def test_floor_of_a_frame_counts_before_the_feet(frames: Sequence[ShownFrame]) -> None:
    known = replace(GroundPlane.of_mounting(1.1, -3.0), origin="tf")
    floor = ShownFloor()
    assert floor.follow(replace(frames[0], ground=known))
    assert not floor.follow(replace(frames[1], ground=replace(known, height_m=1.101)))  # too little to be seen
    assert (floor.plane, floor.origin) == (known, "tf")


def test_before_there_is_enough_the_camera_is_taken_to_be_level(frames: Sequence[ShownFrame]) -> None:
    floor = ShownFloor()
    assert floor.origin.startswith("unknown")
    assert floor.follow(frames[0])
    assert floor.origin == "below the feet of a level camera's people"
    assert floor.plane.height_m == pytest.approx(CAMERA_HEIGHT_M, abs=0.1)


def test_live_floor_settles_and_does_not_tremble(frames: Sequence[ShownFrame]) -> None:
    floor, changes = ShownFloor(), 0
    for again in range(6):
        for frame in frames:
            changes += floor.follow(replace(frame, stamp_ns=frame.stamp_ns + again * 2_000_000_000))
    assert floor.origin == "from people's feet"
    assert 1 <= changes <= 4


def test_people_without_feet_or_camera_leave_the_floor_as_it_is(frames: Sequence[ShownFrame]) -> None:
    floor = ShownFloor()
    upper = get_skeleton("coco17")
    people = tuple(person.converted(upper) for person in frames[0].people)
    lost = tuple(replace(p, pose=replace(p.pose, joints_cam_m=p.pose.joints_cam_m * np.nan)) for p in people)
    for frame in (replace(frames[0], camera=None), replace(frames[0], people=lost), replace(frames[0], people=())):
        assert not floor.follow(frame)
