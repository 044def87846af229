"""Accuracy and smoothness of 3D poses: arrays in metres, results in millimetres.

A joint that is NaN in the prediction or in the ground truth is left out of every mean, never counted as zero: report
`joint_coverage` beside a mean, since a method that drops its hard joints looks better than it is. A metric with
nothing to average is NaN. Definitions and their sources are in docs/evaluate.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.alignment import similarity_align
from pose3d_ros.types import Array

MM_PER_M = 1000.0
PCK_THRESHOLD_MM = 150.0
AUC_THRESHOLDS_MM: Array = np.array(range(0, 151, 5), dtype=np.float64)
"""0, 5, …, 150 mm: 31 thresholds (Mehta 2017)."""

_NS_PER_S = 1e9
_MIN_ALIGN_JOINTS = 3


@dataclass(frozen=True)
class RootError:
    """Mean root error in camera space, Moon 2019's MRPE, and its parts along the camera's axes, millimetres."""

    mean_mm: float
    x_mm: float
    y_mm: float
    z_mm: float


def mean(values: npt.ArrayLike) -> float:
    """Mean of the finite values, NaN when there are none."""
    array = np.asarray(values, dtype=np.float64)
    finite = array[np.isfinite(array)]
    return float(finite.mean()) if finite.size else float("nan")


def _check_pair(name: str, predicted_m: Array, gt_m: Array) -> None:
    if predicted_m.shape != gt_m.shape or predicted_m.ndim < 2 or predicted_m.shape[-1] != 3:
        raise InputError(
            name,
            expected="two arrays of one shape (N, …, 3)",
            got=f"{predicted_m.shape} and {gt_m.shape}",
            fix="Bring both poses to the same skeleton and the same frames first.",
        )


def joint_errors_mm(predicted_m: Array, gt_m: Array) -> Array:
    """Distance of each joint, (..., J, 3) twice to (..., J), in millimetres; NaN where either is NaN.

    Of poses relative to their own roots (both, as in 3DMPPE) the mean is MPJPE.
    """
    _check_pair("joint errors", predicted_m, gt_m)
    distance: Array = np.linalg.norm(predicted_m - gt_m, axis=-1) * MM_PER_M
    return distance


def joint_coverage(predicted_m: Array, gt_m: Array) -> float:
    """Share of the ground truth's joints (..., J, 3) that the prediction gives coordinates for, 0–1."""
    _check_pair("joint coverage", predicted_m, gt_m)
    known = np.isfinite(gt_m).all(axis=-1)
    found = np.isfinite(predicted_m).all(axis=-1) & known
    return float(found.sum() / known.sum()) if known.any() else float("nan")


def aligned_errors_mm(predicted_m: Array, gt_m: Array, *, scale: bool = True) -> Array:
    """Joint distances (N, J) after a similarity Procrustes of each pose (N, J, 3); their mean is PA-MPJPE.

    Rotation, translation and scale, no reflection, on the joints that both have; a pose with fewer than three is NaN.
    scale: without, the rigid alignment of 3DMPPE's own evaluation (Moon 2019).
    """
    _check_pair("aligned errors", predicted_m, gt_m)
    errors = joint_errors_mm(similarity_align(predicted_m, gt_m, scale), gt_m)
    both = np.isfinite(predicted_m).all(-1) & np.isfinite(gt_m).all(-1)
    errors[both.sum(axis=-1) < _MIN_ALIGN_JOINTS] = np.nan
    return errors


def scaled_errors_mm(predicted_m: Array, gt_m: Array) -> Array:
    """Joint distances (N, J) of root-relative poses (N, J, 3) after the best scale of each; their mean is N-MPJPE.

    The scale is s = <pred, ground truth> / <pred, pred> over the joints that both have (Rhodin 2018).
    """
    _check_pair("scaled errors", predicted_m, gt_m)
    both = (np.isfinite(predicted_m) & np.isfinite(gt_m)).all(-1, keepdims=True)
    p, t = np.where(both, predicted_m, 0.0), np.where(both, gt_m, 0.0)
    power = (p * p).sum((-2, -1), keepdims=True)
    # A collapsed pose (every joint on its root) has no scale: it is scored as it is.
    scale = np.divide((p * t).sum((-2, -1), keepdims=True), power, out=np.ones_like(power), where=power > 0)
    return joint_errors_mm(scale * predicted_m, gt_m)


def motion_errors_mm(predicted_m: Array, gt_m: Array, order: int) -> Array:
    """Errors (T - order, J) of the differences of a root-relative sequence (T, J, 3), in mm per frame**order.

    The mean over order 1 is MPJVE (Pavllo 2019), over order 2 the acceleration error (Kanazawa 2019), ends not padded.
    """
    _check_pair("motion errors", predicted_m, gt_m)
    errors: Array = np.linalg.norm(np.diff(predicted_m - gt_m, n=order, axis=0), axis=-1) * MM_PER_M
    return errors


def third_derivatives_mps3(joints_m: Array, stamps_ns: npt.NDArray[np.int64]) -> Array:
    """Norm of the third derivative (T - 3, J) of a sequence (T, J, 3), m/s³, from its stamps (T,); the mean is jitter.

    The third derivative of the cubic through four neighbors is 3! times their divided difference, which is
    the plain third difference over dt³ when the stamps are even.
    """
    if joints_m.ndim != 3 or stamps_ns.shape != joints_m.shape[:1] or (np.diff(stamps_ns) <= 0).any():
        raise InputError(
            "jitter",
            expected="joints (T, J, 3) with T rising stamps",
            got=f"joints {joints_m.shape} and stamps {stamps_ns.shape}",
            fix="Sort the sequence by stamp and drop repeated frames.",
        )
    if len(joints_m) < 4:
        return np.empty((0, joints_m.shape[1]))
    time_s = (stamps_ns - stamps_ns[0]).astype(np.float64) / _NS_PER_S
    divided = joints_m
    for order in (1, 2, 3):
        span_s = time_s[order:] - time_s[:-order]
        divided = np.diff(divided, axis=0) / span_s[:, None, None]
    norm: Array = np.linalg.norm(6.0 * divided, axis=-1)
    return norm


def pck3d(errors_mm: Array, threshold_mm: float = PCK_THRESHOLD_MM) -> float:
    """3DPCK: share of joints strictly nearer than the threshold (Mehta 2017); NaN errors are left out."""
    finite = errors_mm[np.isfinite(errors_mm)]
    return float((finite < threshold_mm).mean()) if finite.size else float("nan")


def auc3d(errors_mm: Array) -> float:
    """Area under the 3DPCK curve: its mean over `AUC_THRESHOLDS_MM`."""
    return float(np.mean([pck3d(errors_mm, t) for t in AUC_THRESHOLDS_MM]))


def mrpe(predicted_root_m: Array, gt_root_m: Array) -> RootError:
    """Mean root position error of roots (N, 3) in camera space (Moon 2019, section 6.1) and its |x|, |y|, |z|."""
    _check_pair("MRPE", predicted_root_m, gt_root_m)
    difference = np.abs(predicted_root_m - gt_root_m) * MM_PER_M
    axes = [mean(difference[:, axis]) for axis in range(3)]
    return RootError(mean(np.linalg.norm(difference, axis=-1)), *axes)


@dataclass(frozen=True, eq=False)
class RootFrame:
    """Roots of one frame: predicted_m (P, 3) with their scores (P,), and the ground truth's truth_m (G, 3)."""

    predicted_m: Array
    scores: Array
    gt_m: Array


def average_precision_root(frames: Sequence[RootFrame], threshold_mm: float = 250.0) -> float:
    """AP of root localization (Moon 2019's AP_root@25cm), 0–1; NaN without ground truth.

    Detections of all frames are sorted by score; each takes its nearest ground-truth root and is a true positive
    if that is strictly nearer than the threshold and still unused. AP = Σ precision · Δrecall, no interpolation.
    """
    total = sum(len(frame.gt_m) for frame in frames)
    if not total:
        return float("nan")
    right = root_hits(frames, threshold_mm)
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    return float(precision[right].sum()) / total


def root_hits(frames: Sequence[RootFrame], threshold_mm: float = 250.0) -> npt.NDArray[np.bool_]:
    """Whether each detection of all frames, by falling score, is right as `average_precision_root` has it."""
    order = sorted(
        ((float(s), f, i) for f, frame in enumerate(frames) for i, s in enumerate(frame.scores)), key=lambda d: -d[0]
    )
    used: set[tuple[int, int]] = set()
    right: npt.NDArray[np.bool_] = np.zeros(len(order), dtype=np.bool_)
    for rank, (_, f, i) in enumerate(order):
        nearest, distance_mm = _nearest_root(frames[f], i)
        if distance_mm < threshold_mm and (f, nearest) not in used:
            used.add((f, nearest))
            right[rank] = True
    return right


def _nearest_root(frame: RootFrame, index: int) -> tuple[int, float]:
    distances_mm = np.linalg.norm(frame.gt_m - frame.predicted_m[index], axis=-1) * MM_PER_M
    if not np.isfinite(distances_mm).any():
        return -1, float("inf")
    nearest = int(np.nanargmin(distances_mm))
    return nearest, float(distances_mm[nearest])
