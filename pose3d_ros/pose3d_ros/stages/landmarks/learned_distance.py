"""Distances of people as the package's own pose net has learned them, beside those in closed form from landmarks.

The two err in different ways: closed form by a person's unknown size and the landmarks' errors, the other net by what
distinguishes real people from the rendered ones it has seen. What a net says of a person's distance, compared with
closed form, hardly changes from frame to frame: it is asked about once a second, and held as a ratio in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.records import RootReading
from pose3d_ros.types import Array

Index = npt.NDArray[np.intp] | npt.NDArray[np.bool_]

_EVERY_NS = 1_000_000_000
_MOST_COUNTED = 5
"""Readings after which the mean goes on with the newest ones."""


@dataclass(frozen=True, eq=False)
class LearnedDistances:
    """What is known of N people. log_ratios (N,): mean of ln of the learned distance over that in closed form.

    sigmas (N,): mean of the standard deviations of ln of the learned distance. counts (N,): of readings, 0 without.
    due_ns (N,): stamp from which on the next one is due.
    """

    log_ratios: Array
    sigmas: Array
    counts: npt.NDArray[np.int64]
    due_ns: npt.NDArray[np.int64]

    @classmethod
    def unknown(cls, people: int, due_ns: int = 0) -> LearnedDistances:
        """Of people of whom nothing is known yet."""
        counts = np.zeros(people, dtype=np.int64)
        return cls(np.zeros(people), np.ones(people), counts, np.full_like(counts, due_ns))

    @classmethod
    def concatenated(cls, several: Sequence[LearnedDistances]) -> LearnedDistances:
        """All of several, in their order."""
        parts = [(part.log_ratios, part.sigmas, part.counts, part.due_ns) for part in several]
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def chosen(self, index: Index) -> LearnedDistances:
        """Those of some people."""
        return LearnedDistances(self.log_ratios[index], self.sigmas[index], self.counts[index], self.due_ns[index])

    def due(self, stamp_ns: int) -> npt.NDArray[np.intp]:
        """The one person whose reading is due for the longest time, no one where none is."""
        at = np.flatnonzero(self.due_ns <= stamp_ns)
        return at[np.argsort(self.due_ns[at], kind="stable")][:1]

    def with_readings(
        self, at: npt.NDArray[np.intp], log_ratios: Array, sigmas: Array, stamp_ns: int
    ) -> LearnedDistances:
        """The same with readings of the people `at`; one that is NaN, of a box without a person, counts as none."""
        means, spreads = self.log_ratios.copy(), self.sigmas.copy()
        counts, due_ns = self.counts.copy(), self.due_ns.copy()
        known = np.isfinite(log_ratios) & np.isfinite(sigmas)
        read = at[known]
        share = 1.0 / np.minimum(counts[read] + 1, _MOST_COUNTED)
        means[read] += share * (log_ratios[known] - means[read])
        spreads[read] += share * (sigmas[known] - spreads[read])
        counts[read] += 1
        due_ns[at] = stamp_ns + _EVERY_NS
        return LearnedDistances(means, spreads, counts, due_ns)

    def readings(self, closed_m: Array) -> list[RootReading | None]:
        """Of each person whom the net was asked about. closed_m (N,): distances in closed form."""
        distances_m = np.exp(self.log_ratios) * closed_m
        return [
            RootReading("learned", float(distance_m), float(sigma), by_size=True) if count else None
            for distance_m, sigma, count in zip(distances_m, self.sigmas, self.counts, strict=True)
        ]
