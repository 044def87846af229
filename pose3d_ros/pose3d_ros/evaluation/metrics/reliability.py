"""Calibration of scores and standard deviations (Guo 2017, On Calibration of Modern Neural Networks)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.types import Array

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Scores from `low` to below `high` (the last bin has 1.0 too): how many, their mean, and the share that was right.

    Mean and share are NaN in an empty bin.
    """

    low: float
    high: float
    count: int
    mean_score: float
    right: float


@dataclass(frozen=True)
class Reliability:
    """The bins, and their expected calibration error: mean |mean score − share right|, weighed by count."""

    bins: tuple[Bin, ...]
    expected_calibration_error: float


@dataclass(frozen=True)
class SigmaCoverage:
    """How errors compare with the standard deviations stated for them: |error| / sigma.

    within_1_sigma, within_2_sigma: shares (0.683 and 0.954 of a normal distribution, 0.757 and
    0.941 of a Laplace one). count: how many had a sigma.
    """

    count: int
    within_1_sigma: float
    within_2_sigma: float
    median_ratio: float
    median_sigma_mm: float


def reliability(scores: Array, right: npt.NDArray[np.bool_]) -> Reliability:
    """Compare scores (N,), 0–1, with whether each was right (N,), in ten bins of equal width."""
    index = np.clip((scores * BINS).astype(np.int64), 0, BINS - 1)
    bins = []
    for k in range(BINS):
        inside = index == k
        count = int(inside.sum())
        mean, share = (float(scores[inside].mean()), float(right[inside].mean())) if count else (math.nan, math.nan)
        bins.append(Bin(k / BINS, (k + 1) / BINS, count, mean, share))
    gaps = sum(b.count * abs(b.mean_score - b.right) for b in bins if b.count)
    return Reliability(tuple(bins), gaps / len(scores) if len(scores) else math.nan)


def sigma_coverage(errors_m: Array, sigmas_m: Array) -> SigmaCoverage:
    """errors_m (N,) and the standard deviations stated for them (N,); those without a sigma above 0 are left out."""
    known = np.isfinite(errors_m) & (sigmas_m > 0)
    if not known.any():
        return SigmaCoverage(0, *[math.nan] * 4)
    ratio = np.abs(errors_m[known]) / sigmas_m[known]
    return SigmaCoverage(
        int(known.sum()),
        float((ratio <= 1).mean()),
        float((ratio <= 2).mean()),
        float(np.median(ratio)),
        1000.0 * float(np.median(sigmas_m[known])),
    )
