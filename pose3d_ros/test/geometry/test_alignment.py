"""Rigid motions, and alignment of point sets against known transforms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.alignment import RigidTransform, similarity_align

POSE = np.random.default_rng(5).normal(size=(17, 3))
angles = st.floats(-3.1, 3.1)
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


@given(st.tuples(UNIT, UNIT, UNIT, UNIT).filter(lambda q: np.linalg.norm(q) > 0.1))
def test_quaternion_and_back(quaternion: tuple[float, float, float, float]) -> None:
    rotation = RigidTransform.from_quaternion(quaternion, (0.0, 0.0, 0.0))
    x, y, z, w = rotation.quaternion_xyzw()
    assert w >= 0
    again = RigidTransform.from_quaternion((x, y, z, w), (0.0, 0.0, 0.0))
    np.testing.assert_allclose(again.rotation, rotation.rotation, atol=1e-12)
    assert np.linalg.norm([x, y, z, w]) == pytest.approx(1.0)


@given(rotation=st.tuples(angles, angles, angles), scale=st.floats(0.1, 10.0), shift=st.floats(-5, 5))
def test_alignment_undoes_a_similarity(rotation: tuple[float, float, float], scale: float, shift: float) -> None:
    turned = scale * POSE @ Rotation.from_euler("xyz", rotation).as_matrix().T + shift
    np.testing.assert_allclose(similarity_align(turned, POSE), POSE, atol=1e-8)


def test_rigid_alignment_keeps_the_size() -> None:
    turned = 2.0 * POSE @ Rotation.from_euler("z", 1.0).as_matrix().T + 3.0
    aligned = similarity_align(turned, POSE, scale=False)
    np.testing.assert_allclose(aligned - aligned.mean(axis=0), 2.0 * (POSE - POSE.mean(axis=0)), atol=1e-9)
    np.testing.assert_allclose(aligned.mean(axis=0), POSE.mean(axis=0), atol=1e-9)


def test_alignment_has_no_reflection() -> None:
    mirrored = POSE * [-1.0, 1.0, 1.0]
    aligned = similarity_align(mirrored, POSE)
    assert np.linalg.norm(aligned - POSE, axis=1).mean() > 0.1
    # Volume keeps its sign: what comes out is a turned copy of what went in.
    before, after = (np.linalg.det(p[1:4] - p[0]) for p in (mirrored, aligned))
    assert np.sign(before) == np.sign(after)


def test_alignment_is_better_than_random_ones() -> None:
    rng = np.random.default_rng(0)
    noisy = POSE + rng.normal(scale=0.2, size=POSE.shape)
    best = np.square(similarity_align(noisy, POSE) - POSE).sum()
    center = noisy.mean(axis=0)
    for matrix in Rotation.from_rotvec(2 * rng.normal(size=(50, 3))).as_matrix():
        for scale in (0.7, 1.0, 1.3):
            other = scale * (noisy - center) @ matrix.T + POSE.mean(axis=0)
            assert np.square(other - POSE).sum() >= best - 1e-9


def test_batches_of_any_pose_scale_and_plane() -> None:
    flat = POSE * [1.0, 1.0, 0.0]
    target = np.stack([POSE, POSE, POSE, flat])[None]
    batch = np.stack([POSE, 2 * POSE, POSE[:, [1, 2, 0]], flat[:, [2, 0, 1]]])[None]
    np.testing.assert_allclose(similarity_align(batch, target), target, atol=1e-9)
    assert similarity_align(np.zeros((0, 17, 3)), np.zeros((0, 17, 3))).shape == (0, 17, 3)


def test_lost_joints_do_not_take_part() -> None:
    turned = 0.5 * POSE @ Rotation.from_euler("y", 0.7).as_matrix().T + 1.0
    source, target = turned.copy(), POSE.copy()
    source[3], target[8] = np.nan, np.nan
    aligned = similarity_align(source, target)
    np.testing.assert_allclose(np.delete(aligned, 3, axis=0), np.delete(POSE, 3, axis=0), atol=1e-9)
    assert np.isnan(aligned[3]).all()
    assert np.isnan(similarity_align(np.full_like(POSE, np.nan), POSE)).all()


def test_alignment_of_few_points() -> None:
    np.testing.assert_allclose(similarity_align([[1.0, 2, 3]], [[4.0, 5, 6]]), [[4.0, 5, 6]])
    np.testing.assert_allclose(similarity_align(np.ones((4, 3)), np.zeros((4, 3))), np.zeros((4, 3)))


@pytest.mark.parametrize(("source", "target"), [((17, 3), (16, 3)), ((17, 2), (17, 2)), ((3,), (3,))])
def test_invalid_shapes_are_errors(source: tuple[int, ...], target: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="one shape"):
        similarity_align(np.ones(source), np.ones(target))
