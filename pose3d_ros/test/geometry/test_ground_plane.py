"""The floor: its normal by hand, distances onto it, and how errors of pitch grow towards the horizon."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.ground_plane import GroundPlane


def test_level_camera_has_the_floor_below() -> None:
    ground = GroundPlane.of_mounting(1.5)
    np.testing.assert_allclose(ground.up_cam, [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(ground.heights_m(np.array([[0, 1.5, 4], [1, 0.5, 2]])), [0, 1.0], atol=1e-12)


def test_camera_that_looks_down_sees_the_floor_where_trigonometry_says() -> None:
    # 2 m high, 30 degrees down: the optical axis meets the floor after 2 / sin 30 = 4 m.
    ground = GroundPlane.of_mounting(2.0, -30.0)
    np.testing.assert_allclose(ground.scale_onto(np.array([0.0, 0.0, 1.0])), 4.0)
    np.testing.assert_allclose(ground.scale_onto(np.array([0.0, 0.0, 1.0]), 0.5), 3.0)


def test_roll_is_clockwise_from_behind() -> None:
    # Turned clockwise by 90 degrees, the camera's x axis points down to the floor.
    np.testing.assert_allclose(GroundPlane.of_mounting(1.0, 0.0, 90.0).up_cam, [-1, 0, 0], atol=1e-12)


def test_floor_frame_of_tf() -> None:
    # A frame on the floor, x forward, y left, z up, seen by a level camera 1.2 m above it.
    rotation = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    ground = GroundPlane.of_floor_frame(rotation, [0.0, 1.2, 0.0])
    np.testing.assert_allclose(ground.up_cam, [0, -1, 0])
    assert ground.height_m == pytest.approx(1.2)
    assert ground.origin == "tf"


@given(
    st.floats(0.2, 10), st.floats(-60, 30), st.floats(-30, 30), st.floats(-0.5, 0.5), st.floats(-0.4, 0.4),
    st.floats(0, 0.15),
)  # fmt: skip
def test_what_is_moved_onto_the_floor_lies_on_it(
    height_m: float, pitch_deg: float, roll_deg: float, x: float, y: float, clearance_m: float
) -> None:
    ground = GroundPlane.of_mounting(height_m, pitch_deg, roll_deg)
    ray = np.array([x, y, 1.0])
    factor = float(ground.scale_onto(ray, clearance_m))
    if np.isfinite(factor):
        assert ground.heights_m(factor * ray) == pytest.approx(clearance_m, abs=1e-9 * factor + 1e-9)
    else:
        assert ray @ ground.up_cam >= 0


def test_rays_over_the_horizon_never_meet_the_floor() -> None:
    assert np.isnan(GroundPlane.of_mounting(1.0).scale_onto(np.array([[0, -0.1, 1.0], [0, 0, 1.0]]))).all()


def test_errors_of_pitch_grow_towards_the_horizon_as_those_of_a_plane_that_is_tilted() -> None:
    ground = GroundPlane.of_normal([0, -1, 0], 1.2, height_sigma_m=0.0, tilt_sigma_rad=0.01)
    for angle_deg in (45.0, 10.0, 4.0):
        ray = np.array([0.0, np.sin(np.deg2rad(angle_deg)), np.cos(np.deg2rad(angle_deg))])
        tilted = GroundPlane.of_mounting(1.2, np.rad2deg(1e-5))
        slope = (np.log(tilted.scale_onto(ray)) - np.log(ground.scale_onto(ray))) / 1e-5
        by_pixel, by_plane = ground.log_sigmas(ray[None], 0.002)
        np.testing.assert_allclose(by_plane, abs(slope) * 0.01, rtol=1e-3)
        np.testing.assert_allclose(by_pixel, abs(slope) * 0.002, rtol=1e-3)


@pytest.mark.parametrize(
    ("normal", "height_m"),
    [((0, -1, 0), 0.0), ((0, -1, 0), -1.0), ((0, -1, 0), np.nan), ((0, 0, 0), 1.0), ((0, np.nan, 0), 1.0)],
)
def test_a_camera_that_is_not_above_a_floor_is_refused(normal: tuple[float, float, float], height_m: float) -> None:
    with pytest.raises(InputError, match="floor"):
        GroundPlane.of_normal(normal, height_m)
