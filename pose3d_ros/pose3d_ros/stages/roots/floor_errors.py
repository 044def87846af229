"""Errors of a given floor, which all people on it share: how likely each is, and what it does to distances.

An error is counted in standard deviations of the floor's own (`RootReading.lasting_sigma`), which grow with the
distance as the effect of a wrong pitch does. One person alone can't tell a tilted floor from a small body; of several
people at several distances, or one after another, a tilt explains what their sizes do not.
"""

from __future__ import annotations

import numpy as np

from pose3d_ros.types import Array

ERRORS = np.concatenate([np.arange(-14.0, -4.0), np.arange(-4.0, 4.25, 0.5), np.arange(5.0, 15.0)])
"""(F,), in standard deviations."""
_SCALES, _SHARES = np.array([0.5, 5.0]), np.array([0.9, 0.1])
"""Nine floors of ten are right to half of what is stated; of one the mounting was measured or described badly."""
_NEAREST = 0.05
"""The least factor on a distance; a floor that is off by more is above the camera."""
_ALIKE = 0.05
"""(0.025 / 0.11)²: of what is alike in the nets' errors of all people's sizes over what is each one's own."""
_MOST_PAST = 20.0
"""People who have gone count as so many at most, the last ones most: a camera may be mounted anew."""


def _prior() -> Array:
    densities = np.exp(-0.5 * (ERRORS[:, None] / _SCALES) ** 2) / _SCALES
    weights = (densities @ _SHARES) * np.gradient(ERRORS)
    return np.asarray(weights / weights.sum())


FLOOR_PRIOR = _prior()
"""(F,): how likely each error of a floor is."""


def floor_logs(log_m: float, lasting_sigma: float) -> Array:
    """Ln of the true distance (F, 1) for each error of the floor, where the floor says that it is log_m.

    With a the angle of the ray below the horizon, the distance is height / sin a: where the floor is turned by an angle
    of u tan a, it says 1 - u times the distance.
    """
    return np.asarray(log_m - np.log(np.maximum(1.0 - ERRORS * lasting_sigma, _NEAREST)))[:, None]


class FloorErrors:
    """What the people of a scene say of its floor, each by the `floor_evidence` of their `SizeBelief`."""

    def __init__(self) -> None:
        self._people: dict[int, Array] = {}
        self._past: Array = np.zeros(len(ERRORS))
        self._past_people = 0.0

    def learn(self, track_id: int, evidence: Array) -> None:
        """All that one person says by now, ln (F,)."""
        self._people[track_id] = evidence

    def keep(self, track_ids: set[int]) -> None:
        """Everyone else has gone."""
        for track_id in set(self._people) - track_ids:
            self._past = self._past + self._people.pop(track_id)
            self._past_people += 1.0
        if self._past_people > _MOST_PAST:
            self._past, self._past_people = self._past * (_MOST_PAST / self._past_people), _MOST_PAST

    def without(self, track_id: int | None = None) -> Array:
        """Ln (F,) of what all people say but one; less than they would if the nets erred independently of each."""
        others = [evidence for one, evidence in self._people.items() if one != track_id]
        total = self._past + np.sum(others, axis=0) if others else self._past
        return np.asarray(total / (1.0 + _ALIKE * (len(others) + self._past_people)))
