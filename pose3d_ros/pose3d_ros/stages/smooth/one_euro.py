"""The One-Euro filter (Casiez 2012): a low-pass filter whose cutoff rises with the speed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose3d_ros.types import Array

_LEAST_DT_S = 1e-4


@dataclass(frozen=True)
class OneEuroSettings:
    """Parameters of the filter, as the paper names them.

    Attributes
    ----------
    min_cutoff_hz : float
        Cutoff of what rests: lower means less jitter.
    beta_per_m : float
        Rise of the cutoff, hertz for each metre a second: higher means less lag.
    derivative_cutoff_hz : float
        Cutoff of the speed.
    """

    min_cutoff_hz: float
    beta_per_m: float
    derivative_cutoff_hz: float = 1.0


TUNED = OneEuroSettings(1.0, 8.0)
"""Of root and joints: the least acceleration error at no more lag than the net (`benchmarks/smoothers.py --tune`)."""


class OneEuroFilter:
    """Filters points, each by its own speed. A point that is NaN keeps its past; see `PointFilter`."""

    def __init__(self, settings: OneEuroSettings) -> None:
        self._settings = settings
        self._points_m: Array | None = None
        self._speeds_mps: Array | None = None

    def __call__(self, points_m: Array, dt_s: float) -> Array:
        """See `PointFilter`; algorithm 1 of the paper."""
        if self._points_m is None or self._speeds_mps is None:
            self._points_m, self._speeds_mps = points_m, np.where(np.isfinite(points_m), 0.0, np.nan)
            return points_m
        dt_s = max(dt_s, _LEAST_DT_S)
        before_m = np.where(np.isfinite(self._points_m), self._points_m, points_m)
        before_mps = np.where(np.isfinite(self._speeds_mps), self._speeds_mps, 0.0)
        own, cutoff_hz = self._settings, self._settings.derivative_cutoff_hz
        speeds_mps = before_mps + _share(cutoff_hz, dt_s) * ((points_m - before_m) / dt_s - before_mps)
        speed_mps = np.linalg.norm(speeds_mps, axis=-1, keepdims=True)
        filtered_m = before_m + _share(own.min_cutoff_hz + own.beta_per_m * speed_mps, dt_s) * (points_m - before_m)
        present = np.isfinite(filtered_m)
        self._points_m = np.where(present, filtered_m, self._points_m)
        self._speeds_mps = np.where(present, speeds_mps, self._speeds_mps)
        return np.asarray(filtered_m)


def _share(cutoff_hz: Array | float, dt_s: float) -> Array:
    """α of the paper: the share of a new value, with the time constant 1 / (2π cutoff)."""
    return np.asarray(1.0 / (1.0 + 1.0 / (2.0 * np.pi * cutoff_hz * dt_s)))
