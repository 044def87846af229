from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.types import Array

SQUARE: Array = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])


def poses(*arrays: Array) -> Array:
    return np.stack(arrays)


def turned(points: Array, angle_rad: float) -> Array:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    rotated: Array = points @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T
    return rotated


def test_mpjpe_subtracts_both_roots() -> None:
    shifted = SQUARE + np.array([0.3, -0.2, 4.0])
    assert metrics.mpjpe_mm(poses(shifted), poses(SQUARE), root=0) == pytest.approx(0.0, abs=1e-9)


def test_mpjpe_is_the_mean_over_joints_with_the_root() -> None:
    off = SQUARE.copy()
    off[2] += [0.03, 0.04, 0.0]  # 50 mm on one of four joints
    assert metrics.mpjpe_mm(poses(off), poses(SQUARE), root=0) == pytest.approx(12.5)


def test_mpjpe_of_a_moved_root_moves_every_other_joint() -> None:
    off = SQUARE.copy()
    off[0] += [0.0, 0.0, 0.1]
    assert metrics.mpjpe_mm(poses(off), poses(SQUARE), root=0) == pytest.approx(75.0)


def test_nan_joints_are_left_out_and_counted_in_the_coverage() -> None:
    off = SQUARE.copy()
    off[2] += [0.03, 0.04, 0.0]
    off[3] = np.nan
    assert metrics.mpjpe_mm(poses(off), poses(SQUARE), root=0) == pytest.approx(50 / 3)
    assert metrics.joint_coverage(poses(off), poses(SQUARE)) == pytest.approx(0.75)


def test_a_pose_without_its_root_has_no_mpjpe() -> None:
    off = SQUARE.copy()
    off[0] = np.nan
    assert np.isnan(metrics.mpjpe_mm(poses(off), poses(SQUARE), root=0))


def test_coverage_ignores_joints_that_the_truth_lacks() -> None:
    truth = SQUARE.copy()
    truth[1] = np.nan
    assert metrics.joint_coverage(poses(SQUARE), poses(truth)) == 1.0


def test_pa_mpjpe_forgives_a_similarity_but_not_a_mirror() -> None:
    chair = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.5], [0.2, 0.1, 0.9]])
    moved = 1.7 * turned(chair, 0.8) + [1.0, 2.0, 3.0]
    assert metrics.pa_mpjpe_mm(poses(moved), poses(chair)) == pytest.approx(0.0, abs=1e-6)
    assert metrics.pa_mpjpe_mm(poses(chair * [-1, 1, 1]), poses(chair)) > 50.0


def test_pa_mpjpe_without_scale_keeps_the_size_error() -> None:
    # The square's corners lie √½ m from its centre; twice the size leaves each as far again.
    assert metrics.pa_mpjpe_mm(poses(2 * SQUARE), poses(SQUARE), scale=False) == pytest.approx(1000 * np.sqrt(0.5))
    assert metrics.pa_mpjpe_mm(poses(2 * SQUARE), poses(SQUARE)) == pytest.approx(0.0, abs=1e-6)


def test_pa_mpjpe_aligns_on_the_common_joints_only() -> None:
    lost = turned(SQUARE, 0.3) + 5.0
    lost[3] = np.nan
    errors = metrics.aligned_errors_mm(poses(lost), poses(SQUARE))
    assert np.isnan(errors[0, 3])
    np.testing.assert_allclose(errors[0, :3], 0.0, atol=1e-6)
    lost[1:3] = np.nan
    assert np.isnan(metrics.aligned_errors_mm(poses(lost), poses(SQUARE))).all()


def test_n_mpjpe_finds_the_best_scale() -> None:
    assert metrics.n_mpjpe_mm(poses(0.5 * SQUARE), poses(SQUARE), root=0) == pytest.approx(0.0, abs=1e-9)
    # pred x = 2, truth x = 1 and y = 1: s = <p,t>/<p,p> = 2/4, so the first is exact and the second misses 1 m.
    pred = np.array([[0.0, 0, 0], [2, 0, 0], [0, 0, 0]])
    truth = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    assert metrics.n_mpjpe_mm(poses(pred), poses(truth), root=0) == pytest.approx(1000 / 3)


def test_n_mpjpe_of_a_collapsed_pose_is_its_mpjpe() -> None:
    zero = np.zeros_like(SQUARE)
    assert metrics.n_mpjpe_mm(poses(zero), poses(SQUARE), root=0) == metrics.mpjpe_mm(poses(zero), poses(SQUARE), 0)


def test_mpjve_and_acceleration_error() -> None:
    truth = np.zeros((4, 2, 3))
    pred = truth.copy()
    pred[:, 1, 0] = [0.0, 0.001, 0.004, 0.009]  # x = t² mm on joint 1; joint 0 is the root and stands still
    # First differences 1, 3, 5 mm: mean 3 on that joint, 0 on the root. Second: 2 mm, and 0.
    assert metrics.mpjve_mm_per_frame(pred, truth, root=0) == pytest.approx(1.5)
    assert metrics.acceleration_error_mm_per_frame2(pred, truth, root=0) == pytest.approx(1.0)
    assert np.isnan(metrics.acceleration_error_mm_per_frame2(pred[:2], truth[:2], root=0))


def test_jitter_of_a_cubic_is_its_third_derivative_whatever_the_stamps() -> None:
    time_s = np.array([0.0, 0.1, 0.25, 0.3, 0.5])
    joints = np.zeros((5, 1, 3))
    joints[:, 0, 0] = 2.0 * time_s**3  # x''' = 12 m/s³
    assert metrics.jitter_mps3(joints, (time_s * 1e9).astype(np.int64)) == pytest.approx(12.0, rel=1e-6)


def test_jitter_of_even_stamps_is_the_third_difference_over_dt_cubed() -> None:
    joints = np.zeros((4, 1, 3))
    joints[:, 0, 1] = [0.0, 0.0, 0.0, 0.001]
    stamps = np.arange(4, dtype=np.int64) * 100_000_000
    assert metrics.jitter_mps3(joints, stamps) == pytest.approx(0.001 / 0.1**3)


def test_jitter_needs_four_frames_and_rising_stamps() -> None:
    assert np.isnan(metrics.jitter_mps3(np.zeros((3, 1, 3)), np.arange(3, dtype=np.int64)))
    with pytest.raises(InputError, match="rising stamps"):
        metrics.jitter_mps3(np.zeros((4, 1, 3)), np.array([0, 1, 1, 2], dtype=np.int64))


def test_pck_is_strict_and_auc_averages_31_thresholds() -> None:
    errors = np.array([0.0, 149.9, 150.0, np.nan])
    assert metrics.pck3d(errors) == pytest.approx(2 / 3)
    assert len(metrics.AUC_THRESHOLDS_MM) == 31
    # 0 mm is under every threshold but 0 itself; 72 mm under 75, 80, …, 150: 16 of 31.
    assert metrics.auc3d(np.array([0.0])) == pytest.approx(30 / 31)
    assert metrics.auc3d(np.array([72.0])) == pytest.approx(16 / 31)


def test_mrpe_and_its_axes() -> None:
    error = metrics.mrpe(np.array([[0.3, 0.0, 4.4], [0.0, 0.0, 1.0]]), np.array([[0.0, 0.0, 4.0], [0.0, 0.0, 1.0]]))
    assert (error.mean_mm, error.x_mm, error.y_mm, error.z_mm) == pytest.approx((250.0, 150.0, 0.0, 200.0))


def test_ap_root_worked_by_hand() -> None:
    # Sorted by score: hit (1/1), miss, hit (2/3), and a second try at a used truth. Two of three truths found.
    frame = metrics.RootFrame(
        predicted_m=np.array([[0.0, 0, 3], [5, 0, 3], [2, 0, 3.2], [0.1, 0, 3]]),
        scores=np.array([0.9, 0.8, 0.7, 0.6]),
        truth_m=np.array([[0.0, 0, 3], [2, 0, 3]]),
    )
    other = metrics.RootFrame(np.zeros((0, 3)), np.zeros(0), np.array([[0.0, 0, 9]]))
    assert metrics.average_precision_root([frame, other]) == pytest.approx((1.0 + 2 / 3) / 3)


def test_ap_root_without_truth_is_nan_and_far_is_no_hit() -> None:
    empty = metrics.RootFrame(np.array([[0.0, 0, 1]]), np.array([1.0]), np.zeros((0, 3)))
    assert np.isnan(metrics.average_precision_root([empty]))
    far = metrics.RootFrame(np.array([[0.0, 0, 1.25]]), np.array([1.0]), np.array([[0.0, 0, 1.0]]))
    assert metrics.average_precision_root([far]) == 0.0


def test_shapes_must_agree() -> None:
    with pytest.raises(InputError, match="one shape"):
        metrics.mpjpe_mm(np.zeros((2, 4, 3)), np.zeros((2, 5, 3)), root=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 3.0), st.floats(-3.0, 3.0))
def test_alignment_never_loses_to_root_centring_in_squares(seed: int, scale: float, angle: float) -> None:
    rng = np.random.default_rng(seed)
    truth, pred = rng.normal(size=(2, 1, 9, 3))
    pred = scale * turned(pred, angle)
    aligned = metrics.aligned_errors_mm(pred, truth)
    centred = metrics.joint_errors_mm(pred - pred.mean(1, keepdims=True), truth - truth.mean(1, keepdims=True))
    assert (aligned**2).sum() <= (centred**2).sum() * (1 + 1e-9)
