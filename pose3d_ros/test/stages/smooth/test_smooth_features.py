from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.stages.smooth.smooth_features import (
    MAX_DT_S,
    MIN_DT_S,
    NOMINAL_DT_S,
    cam2ray,
    correction_size,
    feature_size,
    hold_missing,
    joint_corrections,
    sequence_features,
    step_features,
)


def test_layout_by_hand() -> None:
    now = np.array([[[0.0, 0, 0], [0.1, 0.2, 0.3]]])
    before = np.array([[[0.0, 0, 0], [0.1, 0.1, 0.3]]])
    x = step_features(now, before, np.array([[0.0, 0, 3]]), np.array([[0.0, 0, 2.5]]), np.array([0.0666]))
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, [[0, 0, 0, 0.1, 0.2, 0.3, 0, 0, 0, 0, 1, 0, 0, 0, 5, 2]], atol=1e-6)


def test_time_is_clamped() -> None:
    joints, root = np.zeros((2, 1, 3)), np.array([[0.0, 0, 3]] * 2)
    x = step_features(joints, joints, root, root, np.array([0.0, 9.0]))
    np.testing.assert_allclose(x[:, -1], [MIN_DT_S / NOMINAL_DT_S, MAX_DT_S / NOMINAL_DT_S], rtol=1e-6)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 5), st.integers(1, 8), st.integers(0, 99))
def test_sequences_are_their_steps(joints: int, frames: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    relative, root = rng.normal(size=(2, frames, joints, 3)), rng.normal(size=(2, frames, 3))
    root[..., 2] = np.abs(root[..., 2]) + 0.5
    dt = rng.uniform(0.02, 0.1, (2, frames))
    x = sequence_features(relative, root, dt)
    assert x.shape == (2, frames, feature_size(joints))
    first = step_features(relative[:, 0], relative[:, 0], root[:, 0], root[:, 0], np.full(2, NOMINAL_DT_S))
    np.testing.assert_array_equal(x[:, 0], first)
    for t in range(1, frames):
        step = step_features(relative[:, t], relative[:, t - 1], root[:, t], root[:, t - 1], dt[:, t])
        np.testing.assert_array_equal(x[:, t], step)


def test_ray_frame_by_hand() -> None:
    # 45° to the right: the ray (1, 0, 1)/√2 becomes z, and what was x turns away from it
    turn = cam2ray(np.array([2.0, 0, 2]))
    half = np.sqrt(0.5)
    np.testing.assert_allclose(turn @ [1, 0, 1], [0, 0, np.sqrt(2)], atol=1e-12)
    np.testing.assert_allclose(turn @ [1, 0, 0], [half, 0, half], atol=1e-12)
    np.testing.assert_allclose(turn @ [0, 1, 0], [0, 1, 0], atol=1e-12)


def test_step_along_the_ray_is_a_step_in_z() -> None:
    root, joints = np.array([[1.0, -0.5, 3]]), np.zeros((1, 1, 3))
    x = step_features(joints, joints, root * 1.02, root, np.array([NOMINAL_DT_S]))
    np.testing.assert_allclose(x[0, 6:9], np.array([0, 0, 0.2 * float(np.linalg.norm(root))]), atol=1e-6)


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(0, 99))
def test_corrections_come_back_in_the_camera_frame(joints: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    relative, root = rng.normal(size=(4, joints, 3)), rng.normal(size=(4, 3)) + [0, 0, 5]
    y = (relative @ np.swapaxes(cam2ray(root), -1, -2)).reshape(4, -1).astype(np.float32)
    assert y.shape == (4, correction_size(joints))
    np.testing.assert_allclose(joint_corrections(y, root, 0), relative - relative[:, :1], atol=1e-5)


def test_missing_joints_hold_as_a_whole() -> None:
    held = np.ones((1, 2, 3))
    relative = np.array([[[0.0, np.nan, 0], [5, 6, 7]]])
    np.testing.assert_array_equal(hold_missing(relative, held), [[[1, 1, 1], [5, 6, 7]]])
