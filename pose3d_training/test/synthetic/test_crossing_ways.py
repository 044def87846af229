"""Ways of crossings on the floor, what hides people, and how the camera turns."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_training.synthetic.crossing_ways import (
    KINDS,
    Board,
    Kind,
    camera_yaw_rad,
    draw_boards,
    draw_way,
    hidden_runs_s,
    keep_apart,
    oval,
    people_count,
)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "leaving_entering"])
def test_people_stay_before_the_camera(kind: Kind) -> None:
    rng = np.random.default_rng(1)
    for number in range(20):
        way = draw_way(kind, number, 12.0, rng)
        assert (way[:, 1] < -1.5).all()
        assert (np.abs(way[:, 0]) < -0.75 * way[:, 1]).all()
        assert np.linalg.norm(np.diff(way, axis=0), axis=1).sum() > 12.0


def test_people_who_leave_end_beyond_the_image_and_some_begin_there() -> None:
    rng = np.random.default_rng(2)
    ways = [draw_way("leaving_entering", number, 12.0, rng) for number in range(6)]
    assert all(abs(way[-1, 0]) > -0.62 * way[-2, 1] for way in ways)
    begins_outside = [abs(way[0, 0]) > -0.6 * way[0, 1] for way in ways]
    assert begins_outside == [False, False, True, True, True, True]


def test_people_who_would_meet_are_moved_apart_and_others_are_not() -> None:
    along = np.linspace(-2.0, 2.0, 120)
    one, other = (np.stack([sign * along, np.full(120, -4.0 - 0.1 * sign)], axis=1) for sign in (1.0, -1.0))
    alone = np.stack([along, np.full(120, -9.0)], axis=1)
    moved = keep_apart(np.array([one, other, alone]))
    assert np.linalg.norm(one - other, axis=1).min() < 0.25
    assert np.linalg.norm(moved[0] - moved[1], axis=1).min() > 0.55
    np.testing.assert_array_equal(moved[2], alone)
    assert np.abs(np.diff(moved, axis=1)).max() * 30 < 3.0  # m/s: aside, not thrown


def test_hidden_runs_are_those_behind_the_board() -> None:
    board = Board(-0.5, 0.5, -2.0, 2.0)
    x_m = np.linspace(-3.0, 3.0, 181)  # 1 m/s at 30 frames/s; at z = -4 the board hides |x| < 1
    behind = np.stack([x_m, np.full(181, -4.0)], axis=1)
    assert hidden_runs_s((board,), behind) == pytest.approx([59 / 30])
    before = np.stack([x_m, np.full(181, -1.5)], axis=1)
    assert hidden_runs_s((board,), before).size == 0
    assert hidden_runs_s((), behind).size == 0


def test_only_occlusion_has_a_board_between_camera_and_people() -> None:
    rng = np.random.default_rng(3)
    (board,) = draw_boards("occlusion", rng)
    nearest = max(draw_way("occlusion", number, 12.0, rng)[:, 1].max() for number in range(20))
    assert nearest < board.z_m < 0
    assert [kind for kind in KINDS if draw_boards(kind, rng)] == ["occlusion"]


def test_only_the_turning_camera_turns() -> None:
    turns = {kind: np.ptp(camera_yaw_rad(kind, 300, np.random.default_rng(4))) for kind in KINDS}
    assert {kind for kind, turn in turns.items() if turn > 0} == {"turning_camera"}
    assert np.rad2deg(turns["turning_camera"]) == pytest.approx(40, abs=0.1)


def test_crowd_has_eight_people() -> None:
    assert people_count("crowd") == 8


def test_oval_starts_where_it_is_told() -> None:
    way = oval(1.0, -4.0, 2.0, 0.5, 0.25, 1, turns=1.0)
    assert way[0] == pytest.approx((1.0, -4.5))
    assert way[3] == pytest.approx((-1.0, -4.0))
