"""A person's distance over time: people do not jump, so single frames that are far off count little.

A Kalman filter of ln of the distance and its rate, the acceleration white noise. A frame's distance errs by a part that
lasts, as a person's size does, and one that changes: only the second is filtered, the first stays in what is stated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose3d_ros.types import Array

_CHANGING = 0.5
"""Share of a distance's variance that changes within a second."""
_ACCELERATION = 2.0
"""m/s² times the root of a second: within half a second someone who walks may have turned back."""
_SPEED_SIGMA_MPS = 1.0
_GATE = 2.0
"""Standard deviations from where someone is expected; farther off, a frame counts less."""
_LONGEST_S = 1.0
"""Who was out of sight for longer begins anew."""


@dataclass(frozen=True, eq=False)
class DistanceFilter:
    """mean (2,): ln of the distance in metres, and its rate, 1/s. covariance (2, 2), of the errors that change.

    sigma: of the distance's logarithm, with the errors that last.
    """

    stamp_ns: int
    mean: Array
    covariance: Array
    sigma: float

    @classmethod
    def following(cls, before: DistanceFilter | None, distance_m: float, sigma: float, stamp_ns: int) -> DistanceFilter:
        """After a frame; before: of the frames before it, None for the first. sigma: of ln of this one's distance."""
        log_m = float(np.log(distance_m))
        return cls._first(log_m, sigma, stamp_ns) if before is None else before._after(log_m, sigma, stamp_ns)

    @classmethod
    def _first(cls, log_m: float, sigma: float, stamp_ns: int) -> DistanceFilter:
        spread = np.diag([_CHANGING * sigma**2, (_SPEED_SIGMA_MPS * np.exp(-log_m)) ** 2])
        return cls(stamp_ns, np.array([log_m, 0.0]), spread, sigma)

    def _after(self, log_m: float, sigma: float, stamp_ns: int) -> DistanceFilter:
        dt_s = (stamp_ns - self.stamp_ns) * 1e-9
        if not 0.0 < dt_s <= _LONGEST_S:
            return self._first(log_m, sigma, stamp_ns)
        step = np.array([[1.0, dt_s], [0.0, 1.0]])
        mean = step @ self.mean
        noise = np.array([[dt_s**3 / 3, dt_s**2 / 2], [dt_s**2 / 2, dt_s]])
        spread = step @ self.covariance @ step.T + (_ACCELERATION * np.exp(-mean[0])) ** 2 * noise
        changing, away = _CHANGING * sigma**2, log_m - float(mean[0])
        changing *= max(1.0, away**2 / (float(spread[0, 0]) + changing) / _GATE**2)
        gain = spread[:, 0] / (spread[0, 0] + changing)
        mean, spread = mean + gain * away, spread - np.outer(gain, spread[0])
        whole = float(np.sqrt((1.0 - _CHANGING) * sigma**2 + spread[0, 0]))
        return DistanceFilter(stamp_ns, mean, spread, whole)

    @property
    def distance_m(self) -> float:
        """Of the root from the camera."""
        return float(np.exp(self.mean[0]))
