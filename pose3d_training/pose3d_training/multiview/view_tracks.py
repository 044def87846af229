"""People's 2D joints over time in one view."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.types import Array

Mask = npt.NDArray[np.bool_]

_LONGEST_GAP_S = 0.15
"""Between two images over which keypoints are interpolated."""
_HEIGHT = 4.0
"""A standing person's height over the median distance of the joints from their median."""
_LEAST_OF_SIZE = 4
"""Joints that tell a size."""


@dataclass(frozen=True, eq=False)
class ViewTrack:
    """One person in one view over T images, in the order of time.

    Attributes
    ----------
    track_id : int
        Of the person in this view.
    times_s : ndarray
        (T,) float64, increasing.
    keypoints : ndarray
        (T, J, 2) float64, on the plane z = 1; NaN for none.
    scores : ndarray
        (T, J) float64, 0–1.
    """

    track_id: int
    times_s: Array
    keypoints: Array
    scores: Array

    def trusted(self, least_score: float) -> ViewTrack:
        """The track without keypoints of lower scores."""
        kept = np.where((self.scores >= least_score)[..., None], self.keypoints, np.nan)
        return ViewTrack(self.track_id, self.times_s, kept, self.scores)

    def at(self, times_s: Array) -> Array:
        """The keypoints (N, J, 2) at times (N,), linear between images; NaN outside and in gaps."""
        after = np.clip(np.searchsorted(self.times_s, times_s), 1, max(len(self.times_s) - 1, 1))
        if len(self.times_s) < 2:
            exact = np.isclose(times_s, self.times_s[0], rtol=0.0, atol=1e-6)
            return np.where(exact[:, None, None], self.keypoints[0], np.nan)
        before_s, after_s = self.times_s[after - 1], self.times_s[after]
        part = np.round((times_s - before_s) / (after_s - before_s), 6)
        outside = (part < 0) | (part > 1) | ((after_s - before_s > _LONGEST_GAP_S) & (part > 0) & (part < 1))
        share = part[:, None, None]
        with np.errstate(invalid="ignore"):
            mixed = self.keypoints[after - 1] * (1 - share) + self.keypoints[after] * share
        mixed = np.where(share == 0, self.keypoints[after - 1], np.where(share == 1, self.keypoints[after], mixed))
        return np.where(outside[:, None, None], np.nan, mixed)


@dataclass(frozen=True, eq=False)
class ViewPeople:
    """Everyone whom one view sees. name: of the view, for messages."""

    name: str
    tracks: tuple[ViewTrack, ...]


def person_sizes(keypoints: Array) -> Array:
    """About how tall people look, on the plane z = 1: (…, J, 2) → (…); NaN of fewer than 4 keypoints.

    Outliers hardly count.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of people without keypoints
        away = keypoints - np.nanmedian(keypoints, axis=-2, keepdims=True)
        sizes = _HEIGHT * np.nanmedian(np.linalg.norm(away, axis=-1), axis=-1)
    enough = np.isfinite(away[..., 0]).sum(axis=-1) >= _LEAST_OF_SIZE
    return np.where(enough & (sizes > 0), sizes, np.nan)
