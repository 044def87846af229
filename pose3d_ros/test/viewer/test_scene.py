from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.viewer.page import Page
from pose3d_ros.viewer.scene import Scene
from pose3d_ros.viewer.shown_frame import ShownFrame


@pytest.fixture
def shown(page: Page, frames: Sequence[ShownFrame]) -> Scene:
    page.scene.show(frames[0])
    return page.scene


def drawn(scene: Scene) -> int:
    """Joints that can be seen."""
    return int((scene._joints._handle.points[:, 2] > -1e3).sum())


def test_people_are_drawn_and_those_who_leave_are_not_any_more(shown: Scene, frames: Sequence[ShownFrame]) -> None:
    assert drawn(shown) == 3 * 21
    assert [label.visible for label in shown._labels] == [True] * 3
    shown.show(replace(frames[1], people=frames[1].people[:1]))
    assert drawn(shown) == 21
    assert [label.visible for label in shown._labels] == [True, False, False]
    shown.show(replace(frames[2], people=()))
    assert drawn(shown) == 0


def test_crowd_makes_room(page: Page, frames: Sequence[ShownFrame]) -> None:
    crowd = tuple(replace(person, track_id=3 * i + person.track_id) for i in range(8) for person in frames[0].people)
    page.scene.show(replace(frames[0], people=crowd))
    assert drawn(page.scene) == 24 * 21
    assert len(page.scene._labels) == 24


def test_floor_grows_for_people_further_away_and_starts_to_be_looked_at(shown: Scene) -> None:
    assert shown._size is not None
    before = shown._size
    shown.expect(np.array([[0.0, 25.0, 1.0]]))
    assert (shown._size.depth_m, before.depth_m) == (30, 10)
    assert len(shown._marks) == 6
    assert shown._server.initial_camera.look_at[1] == pytest.approx(15.0)


def test_people_of_a_robots_frame_stand_on_its_floor(page: Page, frames: Sequence[ShownFrame]) -> None:
    (person, *_) = frames[0].people
    root_m = np.array([4.0, 1.0, 0.95])
    joints_m = person.pose.joints_cam_m - person.pose.root_cam_m + root_m
    moved = replace(person, pose=replace(person.pose, root_cam_m=root_m, joints_cam_m=joints_m))
    page.scene.show(replace(frames[0], people=(moved,), camera=None, z_up_frame="base_link"))
    assert page.scene.floor_words == "z = 0 of base_link"
    points = page.scene._joints._handle.points[:21]
    assert points.mean(axis=0)[:2] == pytest.approx([-1.0, 4.0], abs=0.5)


def test_words_of_the_floor_have_height_and_pitch(shown: Scene) -> None:
    assert shown.floor_words.endswith("m above it, pitch +0°")
