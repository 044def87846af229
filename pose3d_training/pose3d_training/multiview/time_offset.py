"""By how much one recording's clock is ahead of another's: where the most joints are on their epipolar lines."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from scipy.optimize import least_squares

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array
from pose3d_training.multiview.correspondences import correspondences
from pose3d_training.multiview.people_match import Matched, match_people
from pose3d_training.multiview.relative_pose import essential_of, moved, sampson_errors, some_of
from pose3d_training.multiview.view_tracks import ViewPeople

_STEP_S = 1 / 30
_TRIED = 500
"""Pairs of joints that a pose is found from at each offset."""
_BETTER = 1.02
"""By how much an offset has to raise the score to be preferred to the one that is said."""
_MOST_REFINED = 4000


def find_offset(first: ViewPeople, second: ViewPeople, start_s: float, reach_s: float) -> tuple[float, Matched]:
    """Find the offset of the second view's clock, see `correspondences`, to a fraction of a frame.

    Parameters
    ----------
    first, second : ViewPeople
        Of two views.
    start_s, reach_s : float
        The offset is looked for within reach_s of start_s; with 0 it is start_s.

    Returns
    -------
    tuple of float and Matched
        The offset, and people and pose at it.

    Raises
    ------
    InputError
        As `match_people`, where there is no offset at which people fit.
    """
    if reach_s <= 0:
        return start_s, match_people(first, second, start_s)
    steps = int(np.ceil(reach_s / _STEP_S))
    scores = {}
    for step in range(-steps, steps + 1):
        offset_s = start_s + step * reach_s / steps
        with suppress(InputError):
            scores[offset_s] = match_people(first, second, offset_s, _TRIED).score
    if not scores:
        return start_s, match_people(first, second, start_s)  # the error
    coarse_s = max(scores, key=lambda one: scores[one])
    offset_s = _refined(first, second, coarse_s, match_people(first, second, coarse_s))
    found = match_people(first, second, offset_s)
    with suppress(InputError):
        said = match_people(first, second, start_s)
        if found.score < _BETTER * said.score:
            return start_s, said
    return offset_s, found


def _refined(first: ViewPeople, second: ViewPeople, offset_s: float, matched: Matched) -> float:
    """The offset at which, with the pose that fits best there, joints are least off their epipolar lines."""
    tracks = [(first.tracks[a], second.tracks[b]) for a, b in matched.pairs]
    start = [correspondences(*pair, offset_s) for pair in tracks]
    drawn = some_of(sum(len(one.first) for one in start), _MOST_REFINED)

    def residuals(change: Array) -> Array:
        essential = essential_of(moved(matched.pose.first2second, change))
        parts = []
        for pair, at_start in zip(tracks, start, strict=True):
            now = correspondences(*pair, offset_s + _STEP_S * (change[5] - 1.0))
            off = np.full(at_start.seen.shape, 1.0)
            off[now.seen] = sampson_errors(essential, now.first, now.second) / now.tolerance
            parts.append(off[at_start.seen])
        return np.asarray(np.concatenate(parts)[drawn], dtype=np.float64)

    # The step is 1 at the start, since that by which SciPy takes a derivative is a share of it: of a tenth of a frame.
    started = np.array([0.0] * 5 + [1.0])
    bounds = (started - 1, started + 1)
    found = least_squares(residuals, started, loss="cauchy", f_scale=0.5, diff_step=0.1, bounds=bounds).x
    return offset_s + _STEP_S * (float(found[5]) - 1.0)
