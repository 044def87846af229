"""A person's distance from the readings of several solvers and from what is known of their size.

In ln of the distance, where errors in per cent are normal: a reading by size is the distance less the person's size
(`SizeBelief`) plus an error of its own; every other reading is the distance plus its error. Those by size err by the
same size, which is therefore counted once, whatever their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pose3d_ros.records import RootReading
from pose3d_ros.stages.roots.floor_errors import floor_logs
from pose3d_ros.stages.roots.size_belief import PERSON_SIGMA, WRONG, SizeBelief
from pose3d_ros.types import Array

_LEAST_SIGMA = 0.01
"""Of any distance: no single image gives one better."""
_LEAST_OWN_SIGMA = 0.04


@dataclass(frozen=True)
class FusedRoot:
    """distance_m, and sigma, the standard deviation of its logarithm. log_size: of the person, see `SizeBelief`.

    shares: solver → what part of the information on the distance is from it; they sum to 1.
    """

    distance_m: float
    sigma: float
    log_size: float
    shares: dict[str, float]


@dataclass(frozen=True)
class SizedReading:
    """All readings by size as one: log_m of a person of mean size, and the variance of its own error."""

    log_m: float
    variance: float


def sized_reading(readings: Sequence[RootReading]) -> SizedReading | None:
    """The readings by size, weighted by what they know besides the size; None without one."""
    sized = [reading for reading in readings if reading.by_size]
    if not sized:
        return None
    own = np.array([_own_variance(r) for r in sized])
    log_m = np.log([r.distance_m for r in sized])
    variance = float(1 / (1 / own).sum())
    return SizedReading(float((log_m / own).sum() / (1 / own).sum()), variance)


def fused(readings: Sequence[RootReading], size: SizeBelief) -> FusedRoot | None:
    """The distance that readings and size say together; None without a reading."""
    if not readings:
        return None
    sized = sized_reading(readings)
    others = sorted((r for r in readings if not r.by_size), key=lambda r: r.sigma)
    if sized is not None:
        belief = size.read_by_size(sized.log_m, sized.variance)
        own = {r.solver: sized.variance / _own_variance(r) for r in readings if r.by_size}
    else:
        first = others.pop(0)
        belief = SizeBelief.of_known(0.0, 0.0).on_floor(size.floor_evidence).shifted(log_of(first), own_variance(first))
        own = {first.solver: 1.0}
    information = {solver: part / belief.variance for solver, part in own.items()}
    for r in others:
        known = 1.0 / belief.variance
        belief = belief.updated(log_of(r), own_variance(r), WRONG[r.solver])
        information[r.solver] = max(1.0 / belief.variance - known, 0.0)
    log_m, variance = belief.mode, max(belief.variance, _LEAST_SIGMA**2)
    total = sum(information.values())
    shares = {solver: part / total for solver, part in information.items()}
    return FusedRoot(float(np.exp(log_m)), float(np.sqrt(variance)), _log_size(size, sized, log_m), shares)


def log_of(reading: RootReading) -> float | Array:
    """Ln of a reading's distance, (F, 1) for each error of the floor where it is by the floor."""
    log_m = float(np.log(reading.distance_m))
    return floor_logs(log_m, reading.lasting_sigma) if reading.solver == "ground" else log_m


def own_variance(reading: RootReading) -> float:
    """Of what is not by size: of ln of the distance, without the floor's errors."""
    return reading.sigma**2 - (reading.lasting_sigma**2 if reading.solver == "ground" else 0.0)


def _own_variance(reading: RootReading) -> float:
    """Of a reading by size: what its error is besides the size's."""
    return max(reading.sigma**2 - PERSON_SIGMA**2, _LEAST_OWN_SIGMA**2)


def _log_size(size: SizeBelief, sized: SizedReading | None, log_m: float) -> float:
    """Size of a person of known distance: between what was believed and what the distance says, by their variances."""
    if sized is None:
        return size.mode
    gain = size.variance / (size.variance + sized.variance)
    return size.mode + gain * (log_m - sized.log_m - size.mode)
