"""Rigid motions between frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.rigid import RigidTransform

UNIT = st.floats(-1.0, 1.0)


def test_optical_frame_in_a_body_frame() -> None:
    # REP 103: optical z (forward) is the body's x, optical x (right) its -y, optical y (down) its -z.
    optical2body = RigidTransform.from_quaternion((-0.5, 0.5, -0.5, 0.5), (0.0, 0.0, 1.2))
    points = np.array([[0.0, 0.0, 3.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(optical2body.apply(points), [[3, 0, 1.2], [0, -1, 1.2], [0, 0, 0.2]], atol=1e-12)
    np.testing.assert_allclose(optical2body.rotate(points[0]), [3, 0, 0], atol=1e-12)


def test_covariance_turns_with_its_axes() -> None:
    quarter_about_z = RigidTransform.from_quaternion((0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)), (9.0, 9.0, 9.0))
    np.testing.assert_allclose(
        quarter_about_z.rotate_covariance(np.diag([1.0, 4.0, 9.0])), np.diag([4, 1, 9]), atol=1e-12
    )


def test_nan_stays_nan() -> None:
    turn = RigidTransform.from_quaternion((0.0, 0.0, 0.0, 1.0), (1.0, 2.0, 3.0))
    assert np.isnan(turn.apply(np.full(3, np.nan))).all()


@given(st.tuples(UNIT, UNIT, UNIT, UNIT).filter(lambda q: sum(v * v for v in q) > 1e-3))
def test_every_quaternion_is_a_proper_rotation(quaternion: tuple[float, float, float, float]) -> None:
    rotation = RigidTransform.from_quaternion(quaternion, (0.0, 0.0, 0.0)).rotation
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1.0)


@pytest.mark.parametrize("quaternion", [(0.0, 0.0, 0.0, 0.0), (np.nan, 0.0, 0.0, 1.0)])
def test_zero_or_nan_quaternion_is_an_error(quaternion: tuple[float, float, float, float]) -> None:
    with pytest.raises(InputError, match="quaternion"):
        RigidTransform.from_quaternion(quaternion, (0.0, 0.0, 0.0))
