"""How a track moves beside the ground truth: by how much it lags, and how its feet slide. Arrays in metres."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose3d_ros.evaluation.metrics.pose_metrics import MM_PER_M
from pose3d_ros.types import Array

REST_MPS = 0.1
"""Speed below which a true foot stands."""
_SUBSTEPS = 10


def lag_frames(predicted_m: Array, gt_m: Array, most: int = 8) -> float:
    """By how many frames to delay the ground truth (T, J, 3) for the prediction (T, J, 3) to fit best; below 0: ahead.

    Least mean squared distance of the joints after each one's mean over time is taken away, so that an error that
    lasts is no lag; between frames the ground truth is interpolated. NaN for a track too short, or at rest.
    """
    inner = slice(most, len(gt_m) - most)
    delays = np.arange(-most * _SUBSTEPS, most * _SUBSTEPS + 1) / _SUBSTEPS
    if len(gt_m) < 3 * most:
        return float("nan")
    found = _centered(predicted_m[inner])
    errors = [np.nanmean((found - _centered(_delayed(gt_m, delay)[inner])) ** 2) for delay in delays]
    if np.ptp(errors) <= 1e-12:
        return float("nan")
    return float(delays[int(np.argmin(errors))])


def foot_skating_mmps(
    feet_m: Array, gt_feet_m: Array, up_m: Array, stamps_ns: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Horizontal speeds of feet (T, F, 3) while the true ones (T, F, 3) stand, mm/s, one value for each such step.

    A foot stands from one frame to the next where the ground truth moves slower than `REST_MPS`. up_m (3,): unit normal
    of the floor.
    """
    dt_s = (np.diff(stamps_ns) * 1e-9)[:, None]
    stands = np.linalg.norm(np.diff(gt_feet_m, axis=0), axis=-1) / dt_s < REST_MPS
    steps = np.diff(feet_m, axis=0)
    steps = steps - (steps @ up_m)[..., None] * up_m
    speeds = np.linalg.norm(steps, axis=-1) / dt_s * MM_PER_M
    return np.asarray(speeds[stands & np.isfinite(speeds)])


def _centered(joints_m: Array) -> Array:
    return np.asarray(joints_m - np.nanmean(joints_m, axis=0))


def _delayed(joints_m: Array, delay: float) -> Array:
    """The sequence `delay` frames later, its ends repeated."""
    at = np.clip(np.arange(len(joints_m)) - delay, 0, len(joints_m) - 1)
    low = np.minimum(at.astype(int), len(joints_m) - 2)
    part = (at - low)[:, None, None]
    return np.asarray(joints_m[low] * (1 - part) + joints_m[low + 1] * part)
