from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.viewer.world import AHEAD2WORLD, FloorSize, cam2world, frustum_lines_m, sight_lines_m

CAMERA = Camera.from_hfov(90.0, 640, 480)


def test_level_camera_is_above_the_origin_and_looks_along_y() -> None:
    to_world = cam2world(GroundPlane.of_mounting(1.5))
    assert to_world.apply(np.zeros(3)) == pytest.approx([0, 0, 1.5])
    assert to_world.apply(np.array([1.0, 1.5, 4.0])) == pytest.approx([1, 4, 0])


@pytest.mark.parametrize(("pitch_deg", "roll_deg"), [(-30.0, 0.0), (15.0, 5.0), (-90.0, 0.0), (-89.5, 20.0)])
def test_world_is_the_floor_whatever_the_mounting(pitch_deg: float, roll_deg: float) -> None:
    ground = GroundPlane.of_mounting(2.0, pitch_deg, roll_deg)
    to_world = cam2world(ground)
    assert to_world.rotation @ to_world.rotation.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(to_world.rotation) == pytest.approx(1.0)
    points = np.random.default_rng(0).normal(size=(20, 3))
    assert to_world.apply(points)[:, 2] == pytest.approx(ground.heights_m(points))
    ahead = to_world.rotate(np.array([0.0, 0.0, 1.0]))
    assert abs(ahead[0]) < 0.01
    assert ahead[1] > -0.01


def test_robots_frame_is_turned_so_that_ahead_is_y() -> None:
    assert AHEAD2WORLD.apply(np.array([3.0, 1.0, 0.5])) == pytest.approx([-1.0, 3.0, 0.5])


def test_floor_holds_people_and_ignores_those_without_a_place() -> None:
    size = FloorSize.holding(np.array([[1.0, 5.0, 0.9], [-4.5, 2.0, 1.0], [np.nan, 1.0, 1.0]]))
    assert (size.depth_m, size.half_width_m) == (6, 6)
    assert FloorSize.holding(np.empty((0, 3))) == FloorSize(4, 4)
    assert FloorSize.holding(np.array([[0.0, 1e5, 0.0]])).depth_m == 200
    assert FloorSize(4, 8).joined(FloorSize(10, 6)) == FloorSize(10, 8)


def test_grid_has_a_line_for_each_step_and_a_label_for_each_distance() -> None:
    size = FloorSize(6, 4)
    lines = size.grid_lines_m()
    assert (lines[:, :, 2] == 0).all()
    assert {float(y) for y in lines[:7, 0, 1]} == {0, 1, 2, 3, 4, 5, 6}
    assert [mark for mark, _ in size.marks_m()] == [1, 2, 3, 4, 5, 6]
    assert [place[1] for _, place in size.marks_m()] == [1, 2, 3, 4, 5, 6]
    assert [FloorSize(d, 4).step_m for d in (10, 14, 30, 200)] == [1, 2, 5, 20]


def test_viewer_starts_behind_and_above_the_camera_and_looks_ahead() -> None:
    eye, target = FloorSize(8, 4).start_view_m()
    assert eye[1] < 0
    assert eye[2] > 2
    assert target[1] > 0


def test_frustum_opens_as_wide_as_the_image() -> None:
    lines = frustum_lines_m(CAMERA, cam2world(GroundPlane.of_mounting(1.5)))
    corners = lines[:4, 1]
    assert lines[:4, 0] == pytest.approx(np.tile([0, 0, 1.5], (4, 1)))
    assert corners[:, 1] == pytest.approx([0.5] * 4)
    assert corners[0, 0] == pytest.approx(-0.5, abs=1e-3)  # 90 degrees
    assert corners[1, 0] == pytest.approx(0.5, abs=1e-3)


def test_frustum_of_a_fisheye_has_only_places_that_are_known() -> None:
    camera = Camera(CAMERA.K_px * [[0.3], [0.3], [1]], 640, 480, np.zeros(4), "equidistant")
    assert np.isfinite(frustum_lines_m(camera, cam2world(GroundPlane.of_mounting(1.5)))).all()


def test_sight_lines_lie_on_the_floor_and_end_with_it() -> None:
    lines = sight_lines_m(CAMERA, cam2world(GroundPlane.of_mounting(1.5)), FloorSize(6, 4))
    assert lines[:, 1, :2] == pytest.approx(np.array([[-4.0, 4.0], [4.0, 4.0]]), abs=0.02)
    assert (lines[:, :, 2] == 0).all()
