"""What a turning camera sees of its surroundings."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_training.synthetic.crossing_ways import Board
from pose3d_training.synthetic.scene_camera import View, view_at
from pose3d_training.synthetic.surroundings import Surroundings, board_depth_m, turned

K = np.array([[100.0, 0, 79.5], [0, 100.0, 59.5], [0, 0, 1]])


def level_view(pitch_rad: float = 0.0) -> View:
    return view_at(K, 160, 120, 1.2, pitch_rad, 0.0)


def test_turn_to_the_left_moves_things_to_the_right() -> None:
    ahead = np.array([[0.0, 1.2, -4.0]])
    left = turned(level_view(), np.deg2rad(10.0))
    assert left.project(left.to_cam(ahead))[0] == pytest.approx([79.5 + 100 * np.tan(np.deg2rad(10)), 59.5])


def test_board_is_where_it_projects_to() -> None:
    depth = board_depth_m(level_view(), Board(-0.5, 0.5, -2.0, 1.5))
    # 100 px · 0.5 m / 2 m = 25 px to each side; the top is 0.3 m above the camera, 15 px.
    rows, columns = np.nonzero(np.isfinite(depth))
    assert (columns.min(), columns.max()) == (55, 104)
    assert (rows.min(), rows.max()) == (45, 119)
    np.testing.assert_allclose(depth[np.isfinite(depth)], 2.0, rtol=1e-6)


def test_depth_of_a_board_is_along_the_turned_axis() -> None:
    depth = board_depth_m(turned(level_view(), np.deg2rad(30.0)), Board(-0.05, 0.05, -2.0, 1.5))
    assert np.median(depth[np.isfinite(depth)]) == pytest.approx(2.0 * np.cos(np.deg2rad(30)), abs=0.03)


def test_surroundings_stand_still_while_the_camera_turns() -> None:
    view = level_view(np.deg2rad(5.0))
    around = Surroundings(view, [-0.3, 0.3], (), np.random.default_rng(1))
    still, moved = around.backdrop(view), around.backdrop(turned(view, 0.3))
    point = view.cam2world[:3, 3] + view.cam2world[:3, :3] @ np.array([[-0.2, 0.0, 1.0], [-0.4, 0.2, 1.0]]).T.T[0]
    seen = [v.project(v.to_cam(point[None]))[0].round().astype(int) for v in (view, turned(view, 0.3))]
    patches = [
        b.image[y - 2 : y + 3, x - 2 : x + 3].mean(axis=(0, 1)) for b, (x, y) in zip((still, moved), seen, strict=True)
    ]
    assert seen[0][0] != seen[1][0]
    np.testing.assert_allclose(patches[0], patches[1], atol=6)
    assert np.isinf(still.depth_m).all()


def test_floor_is_below_the_horizon_and_not_on_the_board() -> None:
    board = Board(-0.5, 0.5, -2.0, 1.5)
    backdrop = Surroundings(level_view(), [0.0], (board,), np.random.default_rng(2)).backdrop(level_view())
    assert not backdrop.floor[:59].any()
    assert backdrop.floor[100, 10]
    assert not backdrop.floor[100, 80]
