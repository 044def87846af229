"""The difference of a mean between two results of the same samples, with an interval that minds correlated frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.types import Array

CONFIDENCE = 0.95
RESAMPLES = 9999
LEAST_BLOCKS = 8
"""An interval from fewer blocks would be a guess: there is none."""
_SEED = 0
_BATCH = 500


@dataclass(frozen=True)
class Difference:
    """The mean of the first results, that of the second, and second minus first with its 95% interval.

    samples, blocks: how many there are. low, high: NaN with fewer than `LEAST_BLOCKS` blocks.
    """

    first: float
    second: float
    low: float
    high: float
    samples: int
    blocks: int

    @property
    def difference(self) -> float:
        """Second minus first."""
        return self.second - self.first

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero; false without an interval."""
        return self.low > 0 or self.high < 0

    def scaled(self, factor: float) -> Difference:
        """In another unit."""
        first, second, low, high = (factor * v for v in (self.first, self.second, self.low, self.high))
        return Difference(first, second, low, high, self.samples, self.blocks)


@dataclass(frozen=True, eq=False)
class Paired:
    """One value of each sample from both results, (N,) each, and how much it counts; blocks (N,): its block's number.

    Samples of which either value is NaN are left out.
    """

    first: Array
    second: Array
    first_weight: Array
    second_weight: Array
    blocks: npt.NDArray[np.int64]


def paired_difference(samples: Paired) -> Difference:
    """The difference of the weighted means, its interval by the bootstrap over blocks (Künsch 1989).

    Whole blocks are drawn with replacement, with both results of each: samples of a block may correlate as they
    like. The percentiles are widened for few blocks as Student's t is (Hesterberg 2015, "expanded percentile").
    """
    known = np.isfinite(samples.first) & np.isfinite(samples.second)
    if not known.any():
        return Difference(math.nan, math.nan, math.nan, math.nan, 0, 0)
    _, block = np.unique(samples.blocks[known], return_inverse=True)
    sums = [
        np.bincount(block, weights=values[known]).astype(np.float64)
        for values in (
            samples.first * samples.first_weight,
            samples.first_weight,
            samples.second * samples.second_weight,
            samples.second_weight,
        )
    ]
    first, second = sums[0].sum() / sums[1].sum(), sums[2].sum() / sums[3].sum()
    low, high = _interval(sums)
    return Difference(float(first), float(second), low, high, int(known.sum()), len(sums[0]))


def _interval(sums: list[Array]) -> tuple[float, float]:
    from scipy.stats import bootstrap

    count = len(sums[0])
    if count < LEAST_BLOCKS:
        return math.nan, math.nan
    drawn = bootstrap(
        sums,
        _difference_of_means,
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=_BATCH,
        confidence_level=_expanded_confidence(count),
        method="percentile",
        random_state=np.random.default_rng(_SEED),
    ).confidence_interval
    return float(drawn.low), float(drawn.high)


def _difference_of_means(
    first: Array, first_weight: Array, second: Array, second_weight: Array, axis: int = -1
) -> Array:
    difference: Array = second.sum(axis) / second_weight.sum(axis) - first.sum(axis) / first_weight.sum(axis)
    return difference


def _expanded_confidence(count: int) -> float:
    """The percentiles' confidence that makes the interval as wide as Student's t with n - 1 degrees of freedom is."""
    from scipy.stats import norm, t

    quantile = math.sqrt(count / (count - 1)) * t.ppf((1 + CONFIDENCE) / 2, count - 1)
    return float(1 - 2 * norm.cdf(-quantile))
