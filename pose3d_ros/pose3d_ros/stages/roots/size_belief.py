"""What is known of a person's size: ln of their true size over that of the skeleton that the nets see them as.

A single image tells a person's distance from how large they look, as if they were of mean size. Whatever measures the
distance another way, such as the floor, tells the size as well, and the size, which does not change, tells the distance
where nothing else does.

The belief is a mixture of normal distributions, grown-ups and children, after Bayes' rule for each reading. A reading
may be wrong altogether (a foot in the air, on a step), with a probability: then it changes little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose3d_ros.stages.roots.floor_errors import FLOOR_PRIOR
from pose3d_ros.types import Array

PERSON_SIGMA = 0.08
"""Of ln of the size of grown-ups, as the nets see them. Statures differ by 0.055 (both sexes: 175 and 162 cm with
standard deviations of 7 cm, NCD-RisC 2016), and what a net makes of one person errs by as much in every image."""
_PRIOR_MEANS = np.array([0.0, -0.28])
_PRIOR_SIGMAS = np.array([PERSON_SIGMA, 0.16])
_PRIOR_WEIGHTS = np.array([0.94, 0.06])
"""Grown-ups; children from about 0.9 to 1.6 m."""
WRONG = {"ground": 0.12, "depth": 0.02}
"""Solver → share of its readings that are wrong altogether: feet of the person in front, a foot in the air, a step;
and depth of whoever is in front, which several joints seldom agree on."""
_WRONG_SIZE, _WRONG_SIZE_SIGMA = 0.05, 0.25
"""Share of readings by size that are of a wrong pose, and how far off in ln they are."""
_WRONG_DENSITY = 0.5
"""Of a wrong reading's deviation, which is anywhere within ln 2 to either side."""


@dataclass(frozen=True, eq=False)
class SizeBelief:
    """weights (F, K) that sum to 1, means (F, K), variances (F, K): of a mixture, K sizes for each error of the floor.

    The F errors are those of `floor_errors`: what a reading by the floor says of the size depends on them.
    """

    weights: Array
    means: Array
    variances: Array

    @classmethod
    def of_anyone(cls) -> SizeBelief:
        """Of a person of whom nothing is known."""
        return cls._of(_PRIOR_WEIGHTS, _PRIOR_MEANS, _PRIOR_SIGMAS**2)

    @classmethod
    def of_known(cls, log_size: float, sigma: float) -> SizeBelief:
        """Of a person whose size was measured."""
        return cls._of(np.ones(1), np.array([log_size]), np.array([sigma**2]))

    @classmethod
    def _of(cls, weights: Array, means: Array, variances: Array) -> SizeBelief:
        shape = len(FLOOR_PRIOR), len(weights)
        return cls(FLOOR_PRIOR[:, None] * weights, np.broadcast_to(means, shape), np.broadcast_to(variances, shape))

    @property
    def mode(self) -> float:
        """Mean of the likelier distribution: someone is a child or not, and never in between."""
        likelier = self.weights.sum(axis=0).argmax()
        weights = self.weights[:, likelier]
        return float(weights @ self.means[:, likelier] / weights.sum())

    @property
    def variance(self) -> float:
        """Mean square deviation from the mode, over the mixture."""
        return float((self.weights * (self.variances + (self.means - self.mode) ** 2)).sum())

    @property
    def floor_evidence(self) -> Array:
        """Ln (F,) of how likely the readings were for each error of the floor."""
        return np.asarray(np.log(np.maximum(self.weights.sum(axis=1), 1e-300) / FLOOR_PRIOR))

    def on_floor(self, evidence: Array) -> SizeBelief:
        """With what other people say of the floor's errors, as their `floor_evidence` (F,)."""
        weights = self.weights * np.exp(evidence - evidence.max())[:, None]
        return SizeBelief(weights / weights.sum(), self.means, self.variances)

    def shifted(self, by: float | Array, more_variance: float) -> SizeBelief:
        """Of a sum: this and a normal variable of that mean and variance."""
        return SizeBelief(self.weights, self.means + by, self.variances + more_variance)

    def read_by_size(self, log_m: float, variance: float) -> SizeBelief:
        """Of ln of the distance of someone who looks so far away; the reading may be of a wrong pose."""
        right, wrong = self.shifted(log_m, variance), self.shifted(log_m, variance + _WRONG_SIZE_SIGMA**2)
        return SizeBelief(
            np.concatenate([(1 - _WRONG_SIZE) * right.weights, _WRONG_SIZE * wrong.weights], axis=1),
            np.concatenate([right.means, wrong.means], axis=1),
            np.concatenate([right.variances, wrong.variances], axis=1),
        )

    def updated(
        self,
        value: float | Array,
        variance: float,
        wrong: float,
        share: float = 1.0,
        least_variance: float = 0.0,
    ) -> SizeBelief:
        """After a reading with a normal error of that variance.

        value: one, or (F, 1), one for each error of the floor. wrong: the probability that the reading is wrong
        altogether. share: how much of a reading of its own it is, 0 to 1; readings that follow each other closely err
        alike. least_variance: of the part of the error that all readings have in common.
        """
        spread = self.variances + variance / share
        away = value - self.means
        fits = np.exp(-0.5 * away**2 / (self.variances + variance)) / np.sqrt(2 * np.pi * (self.variances + variance))
        gain = self.variances / spread
        right = (1 - wrong) * fits / ((1 - wrong) * fits + wrong * _WRONG_DENSITY)
        means = self.means + right * gain * away
        # Mean of the variances with and without the reading, and of what their means are apart.
        variances = self.variances * (1 - right * gain) + right * (1 - right) * (gain * away) ** 2
        floor = np.minimum(self.variances, least_variance)
        weights = self.weights * ((1 - wrong) * fits + wrong * _WRONG_DENSITY) ** share
        return SizeBelief(weights / weights.sum(), means, np.maximum(variances, floor))
