"""The filter of Savitzky and Golay (1964): a polynomial fitted to the last frames, by SciPy's coefficients."""

from __future__ import annotations

import importlib
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from pose3d_ros.errors import ConfigError
from pose3d_ros.types import Array


@dataclass(frozen=True)
class SavitzkyGolaySettings:
    """Parameters of the filter.

    Attributes
    ----------
    window_frames : int
        Frames that the polynomial is fitted to.
    order : int
        Of the polynomial.
    """

    window_frames: int
    order: int


TUNED = SavitzkyGolaySettings(9, 1)
"""Of root and joints: the least acceleration error at no more lag than the net (`benchmarks/smoothers.py --tune`)."""


class SavitzkyGolayFilter:
    """The polynomial's value at the newest of even frames; see `PointFilter`.

    Raises ConfigError where SciPy is missing.

    A point that is NaN counts in later fits where it was seen last, and at first where it is seen first. Until the
    window is full the polynomial is of what there is.
    """

    def __init__(self, settings: SavitzkyGolaySettings) -> None:
        self._settings = settings
        self._points_m: deque[Array] = deque(maxlen=settings.window_frames)
        self._coefficients = _scipy_signal().savgol_coeffs

    def __call__(self, points_m: Array, dt_s: float) -> Array:
        """See `PointFilter`."""
        if self._points_m:
            last_m = self._points_m[-1]
            held_m = np.where(np.isfinite(points_m), points_m, last_m)
            for earlier_m in self._points_m:
                np.copyto(earlier_m, held_m, where=~np.isfinite(earlier_m))
        else:
            held_m = points_m.copy()
        self._points_m.append(held_m)
        filtered_m = np.tensordot(self._weights(len(self._points_m)), np.stack(self._points_m), 1)
        return np.where(np.isfinite(points_m), filtered_m, np.nan)

    def _weights(self, count: int) -> Array:
        """Weights (count,) of the frames there are, the oldest first."""
        return np.asarray(self._coefficients(count, min(self._settings.order, count - 1), pos=count - 1, use="dot"))


def _scipy_signal() -> Any:
    try:
        return importlib.import_module("scipy.signal")  # tens of megabytes: only for who chooses it
    except ImportError as error:
        raise ConfigError(
            "smoother.method savitzky_golay",
            expected="SciPy",
            got=str(error),
            fix="Install it (python3-scipy, or pip install scipy), or choose another method.",
        ) from error
