"""Ways on the floor and joined motions, without assets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial.transform import Rotation

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.figure import make_figure
from pose3d_training.synthetic.walk import Piece, _along, _join, plan_walk


def about_y(degrees: npt.NDArray[Any]) -> Array:
    return np.asarray(Rotation.from_rotvec(np.outer(np.deg2rad(degrees), [0, 1, 0])).as_matrix()[:, None])


def test_straight_path() -> None:
    position, heading = _along(np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]), np.array([0.0, 0.5, 2.5]))
    np.testing.assert_allclose(position, np.array([[0, 0], [0.5, 0], [2.5, 0]]), atol=1e-6)
    np.testing.assert_allclose(heading, np.pi / 2)


def test_heading_zero_faces_the_viewer() -> None:
    _, heading = _along(np.array([[0.0, -3.0], [0.0, -2.0], [0.0, -1.0]]), np.array([0.0, 1.0]))
    np.testing.assert_allclose(heading, 0, atol=1e-9)


def test_distance_is_measured_along_the_curve() -> None:
    angle = np.linspace(0, np.pi, 13)
    way = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    gone = np.linspace(0, 6, 40, dtype=np.float64)
    position, heading = _along(way, gone)
    np.testing.assert_allclose(np.linalg.norm(position, axis=1), 2, atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(np.diff(position, axis=0), axis=1), 6 / 39, rtol=0.02)
    assert np.all(np.diff(heading[5:-5]) < 0)  # this half circle turns one way only


def test_short_path_is_an_error() -> None:
    with pytest.raises(InputError, match="at least"):
        _along(np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]), np.array([0.0, 2.5]))


def test_seam_rotates_evenly_along_the_shorter_arc() -> None:
    joined = _join([about_y(np.full(10, 0.0)), about_y(np.full(10, 40.0))], blend=5)
    angles = Rotation.from_matrix(joined[:, 0]).as_euler("yxz", degrees=True)[:, 0]
    assert len(angles) == 15
    assert np.all(np.diff(angles) >= -1e-9)
    np.testing.assert_allclose(angles[:5], 0, atol=1e-9)
    np.testing.assert_allclose(angles[10:], 40)
    assert angles[7] == pytest.approx(20)


def test_joining_one_strip_keeps_it() -> None:
    strip = about_y(np.arange(6.0))
    np.testing.assert_array_equal(_join([strip], blend=3), strip)


def test_standing_foot_of_a_walker_does_not_slide(assets: Path) -> None:
    figure = make_figure(assets, 12)
    walk = plan_walk(figure, [Piece("02_02", 35, 73, False, 0.85, 3)], np.array([[-4.0, -4.0], [0, -4], [4, -4]]), 60)
    posed = [walk.pose(figure, t) for t in range(60)]
    feet = [SYNTH_JOINTS.index(name) for name in ("L_Toe", "R_Toe", "L_Ankle", "R_Ankle")]
    speed = np.abs(np.diff([p.joints_m[feet, 0] for p in posed], axis=0)) * 30
    assert np.percentile(speed.min(axis=1), 90) < 0.25  # m/s, while the body goes at more than a metre a second
    assert 1.0 < (walk.x_m[-1] - walk.x_m[0]) / (59 / 30) < 1.9
    np.testing.assert_allclose([p.vertices_m[:, 1].min() for p in posed[::10]], 0, atol=1e-5)
