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
_REACH, _REACH_S, _LEAST_NEAR = 4, 0.25, 4
"""Images before and after, and how much earlier and later at most, that say where a joint is; how many have to."""
_JUMP, _LEAST_JUMP, _PASSES = 3.0 / 1.1774, 0.02, 2
"""Three deviations, as a multiple of the median distance (of a normal distribution in a plane); of the height."""


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

    def without_jumps(self) -> ViewTrack:
        """The track without keypoints that are far from where the joint is in the images before and after.

        R. K. Pearson et al., Generalized Hampel Filters, EURASIP J. on Advances in Signal Processing, 2016: a value is
        left out that is more than three scaled median absolute deviations from the median of its neighborhood.
        """
        kept = self.keypoints
        least = _LEAST_JUMP * person_sizes(kept)[:, None]
        for _ in range(_PASSES):
            near = self._near(kept)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # of joints that no image has
                middle = np.nanmedian(near, axis=0)
                usual = np.nanmedian(np.linalg.norm(near - middle, axis=-1), axis=0)
            away = np.linalg.norm(kept - middle, axis=-1)
            enough = np.isfinite(near[..., 0]).sum(axis=0) >= _LEAST_NEAR
            jumps = enough & (away > np.fmax(_JUMP * usual, least))
            kept = np.where(jumps[..., None], np.nan, kept)
        return ViewTrack(self.track_id, self.times_s, kept, self.scores)

    def _near(self, keypoints: Array) -> Array:
        """Keypoints (2 · _REACH + 1, T, J, 2) of the images about each; NaN for none."""
        steps = np.arange(-_REACH, _REACH + 1)[:, None]
        rows = np.arange(len(self.times_s)) + steps
        inside = np.clip(rows, 0, len(self.times_s) - 1)
        close = (rows == inside) & (np.abs(self.times_s[inside] - self.times_s) <= _REACH_S)
        return np.where(close[..., None, None], keypoints[inside], np.nan)

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
