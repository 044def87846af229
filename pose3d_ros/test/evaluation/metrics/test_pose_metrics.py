from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.types import Array

SQUARE: Array = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])


def turned(points: Array, angle_rad: float) -> Array:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    rotated: Array = points @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T
    return rotated


def with_joint(index: int, values: float | list[float]) -> Array:
    changed = SQUARE.copy()
    changed[index] = values
    return changed


def pa_mpjpe_mm(predicted: Array, ground_truth: Array) -> float:
    return metrics.mean(metrics.aligned_errors_mm(predicted[None], ground_truth[None]))


def n_mpjpe_mm(predicted: Array, ground_truth: Array) -> float:
    return metrics.mean(metrics.scaled_errors_mm(predicted[None], ground_truth[None]))


def test_joint_errors_are_distances_in_millimetres_and_nan_for_lost_joints() -> None:
    off = with_joint(2, [1.03, 1.04, 0.0])
    np.testing.assert_allclose(metrics.joint_errors_mm(off, SQUARE), [0, 0, 50, 0], atol=1e-9)
    off[3] = np.nan
    errors = metrics.joint_errors_mm(off, SQUARE)
    assert metrics.mean(errors) == pytest.approx(50 / 3)
    assert np.isnan(metrics.mean(errors[3:]))


def test_joint_coverage_is_the_share_of_known_joints_that_were_found() -> None:
    lost = with_joint(3, np.nan)
    assert metrics.joint_coverage(lost, SQUARE) == 0.75
    assert metrics.joint_coverage(SQUARE, lost) == 1.0
    assert np.isnan(metrics.joint_coverage(SQUARE, np.full_like(SQUARE, np.nan)))


def test_pa_mpjpe_ignores_a_similarity_but_not_a_mirror_image() -> None:
    chair = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.5], [0.2, 0.1, 0.9]])
    assert pa_mpjpe_mm(1.7 * turned(chair, 0.8) + [1.0, 2.0, 3.0], chair) == pytest.approx(0.0, abs=1e-6)
    assert pa_mpjpe_mm(chair * [-1, 1, 1], chair) > 50.0


def test_pa_mpjpe_aligns_on_the_common_joints_and_needs_three() -> None:
    lost = turned(SQUARE, 0.3) + 5.0
    lost[3] = np.nan
    errors = metrics.aligned_errors_mm(lost[None], SQUARE[None])
    assert np.isnan(errors[0, 3])
    np.testing.assert_allclose(errors[0, :3], 0.0, atol=1e-6)
    lost[1:3] = np.nan
    assert np.isnan(metrics.aligned_errors_mm(lost[None], SQUARE[None])).all()


def test_n_mpjpe_uses_the_best_scale() -> None:
    assert n_mpjpe_mm(0.5 * SQUARE, SQUARE) == pytest.approx(0.0, abs=1e-9)
    # pred x = 2, ground truth x = 1 and y = 1: s = <p,t>/<p,p> = 2/4, so the first is exact and the second misses 1 m.
    pred = np.array([[0.0, 0, 0], [2, 0, 0], [0, 0, 0]])
    ground_truth = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    assert n_mpjpe_mm(pred, ground_truth) == pytest.approx(1000 / 3)
    assert n_mpjpe_mm(with_joint(3, np.nan), SQUARE) == pytest.approx(0.0, abs=1e-9)
    zero = np.zeros_like(SQUARE)
    assert n_mpjpe_mm(zero, SQUARE) == metrics.mean(metrics.joint_errors_mm(zero, SQUARE))


@pytest.mark.parametrize(("order", "expected"), [(1, 1.5), (2, 1.0)])
def test_mpjve_and_acceleration_error(order: int, expected: float) -> None:
    ground_truth = np.zeros((4, 2, 3))
    pred = ground_truth.copy()
    pred[:, 1, 0] = [0.0, 0.001, 0.004, 0.009]  # x = t² mm on joint 1; joint 0 is the root and stands still
    # First differences 1, 3, 5 mm: mean 3 on that joint, 0 on the root. Second: 2 mm, and 0.
    assert metrics.mean(metrics.motion_errors_mm(pred, ground_truth, order)) == pytest.approx(expected)
    assert np.isnan(metrics.mean(metrics.motion_errors_mm(pred[:order], ground_truth[:order], order)))


def test_third_derivative_of_a_cubic_whatever_the_stamps() -> None:
    time_s = np.array([0.0, 0.1, 0.25, 0.3, 0.5])
    joints = np.zeros((5, 1, 3))
    joints[:, 0, 0] = 2.0 * time_s**3  # x''' = 12 m/s³
    np.testing.assert_allclose(metrics.third_derivatives_mps3(joints, (time_s * 1e9).astype(np.int64)), 12.0, rtol=1e-6)


def test_third_derivative_needs_four_frames_and_rising_stamps() -> None:
    assert metrics.third_derivatives_mps3(np.zeros((3, 1, 3)), np.arange(3, dtype=np.int64)).shape == (0, 1)
    with pytest.raises(InputError, match="rising stamps"):
        metrics.third_derivatives_mps3(np.zeros((4, 1, 3)), np.array([0, 1, 1, 2], dtype=np.int64))


def test_pck_is_strict_and_auc_averages_31_thresholds() -> None:
    assert metrics.pck3d(np.array([0.0, 149.9, 150.0, np.nan])) == pytest.approx(2 / 3)
    assert len(metrics.AUC_THRESHOLDS_MM) == 31
    # 0 mm is under every threshold but 0 itself; 72 mm under 75, 80, …, 150: 16 of 31.
    assert metrics.auc3d(np.array([0.0])) == pytest.approx(30 / 31)
    assert metrics.auc3d(np.array([72.0])) == pytest.approx(16 / 31)


def test_mrpe_and_its_axes() -> None:
    error = metrics.mrpe(np.array([[0.3, 0.0, 4.4], [0.0, 0.0, 1.0]]), np.array([[0.0, 0.0, 4.0], [0.0, 0.0, 1.0]]))
    assert (error.mean_mm, error.x_mm, error.y_mm, error.z_mm) == pytest.approx((250.0, 150.0, 0.0, 200.0))


def test_root_average_precision_by_hand() -> None:
    # Sorted by score: hit (1/1), miss, hit (2/3), and a second try at a used root. Two of three people found.
    frame = metrics.RootFrame(
        predicted_m=np.array([[0.0, 0, 3], [5, 0, 3], [2, 0, 3.2], [0.1, 0, 3]]),
        scores=np.array([0.9, 0.8, 0.7, 0.6]),
        gt_m=np.array([[0.0, 0, 3], [2, 0, 3]]),
    )
    other = metrics.RootFrame(np.zeros((0, 3)), np.zeros(0), np.array([[0.0, 0, 9]]))
    assert metrics.average_precision_root([frame, other]) == pytest.approx((1.0 + 2 / 3) / 3)


def test_root_average_precision_without_people_is_nan_and_of_far_roots_zero() -> None:
    empty = metrics.RootFrame(np.array([[0.0, 0, 1]]), np.array([1.0]), np.zeros((0, 3)))
    assert np.isnan(metrics.average_precision_root([empty]))
    far = metrics.RootFrame(np.array([[0.0, 0, 1.25]]), np.array([1.0]), np.array([[0.0, 0, 1.0]]))
    assert metrics.average_precision_root([far]) == 0.0


def test_arrays_of_different_shapes_are_an_error() -> None:
    with pytest.raises(InputError, match="one shape"):
        metrics.joint_errors_mm(np.zeros((2, 4, 3)), np.zeros((2, 5, 3)))


def test_metrics_equal_independent_formulas_of_the_papers() -> None:
    """Written from the papers, joint by joint: VideoPose3D's N-MPJPE and velocity error, 3DMPPE's rigid alignment."""
    rng = np.random.default_rng(3)
    found, gt = rng.normal(0, 0.3, (2, 5, 17, 3))
    scale = [
        sum(f @ g for f, g in zip(a, b, strict=True)) / sum(f @ f for f in a) for a, b in zip(found, gt, strict=True)
    ]
    expected = [1000 * np.mean([np.linalg.norm(s * f - g) for f, g in zip(a, b, strict=True)])
                for s, a, b in zip(scale, found, gt, strict=True)]  # fmt: skip
    assert metrics.mean(metrics.scaled_errors_mm(found, gt)) == pytest.approx(np.mean(expected))
    steps = [np.linalg.norm((found[t + 1] - found[t]) - (gt[t + 1] - gt[t]), axis=1).mean() for t in range(4)]
    assert metrics.mean(metrics.motion_errors_mm(found, gt, 1)) == pytest.approx(1000 * np.mean(steps))
    rigid = []
    for a, b in zip(found, gt, strict=True):
        u, _, vt = np.linalg.svd((a - a.mean(0)).T @ (b - b.mean(0)))
        sign = np.sign(np.linalg.det(vt.T @ u.T))
        turn = vt.T @ np.diag([1, 1, sign]) @ u.T
        rigid.append(np.linalg.norm((a - a.mean(0)) @ turn.T + b.mean(0) - b, axis=1).mean())
    assert metrics.mean(metrics.aligned_errors_mm(found, gt, scale=False)) == pytest.approx(1000 * np.mean(rigid))


def test_rigid_alignment_keeps_the_size() -> None:
    chair = np.random.default_rng(1).normal(0, 0.3, (1, 17, 3))
    assert metrics.mean(metrics.aligned_errors_mm(1.5 * chair, chair)) == pytest.approx(0.0, abs=1e-6)
    centered = chair - chair.mean(axis=1, keepdims=True)
    expected = 500.0 * np.linalg.norm(centered, axis=-1).mean()
    assert metrics.mean(metrics.aligned_errors_mm(1.5 * chair, chair, scale=False)) == pytest.approx(expected)
