"""Which people are published: by state, distance, size in the image and height."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from pose3d_ros.config.output_settings import OutputConfig
from pose3d_ros.records import Person, TrackState
from pose3d_ros.stages.roots.body_size import standing_height_m

_STATES = {
    "all": frozenset({TrackState.NEW, TrackState.TRACKED, TrackState.PREDICTED}),
    "detected": frozenset({TrackState.NEW, TrackState.TRACKED}),
    "confirmed": frozenset({TrackState.TRACKED, TrackState.PREDICTED}),
    "tracked": frozenset({TrackState.TRACKED}),
}
_MOST_REMEMBERED = 1000


class PeopleGate:
    """Lets the people through whom a configuration asks for.

    A person who is LOST passes where an earlier message had that person, so that who knows the id hears of its end.
    """

    def __init__(self) -> None:
        self._shown: dict[str, None] = {}  # ids, in the order in which they came

    def admit(self, people: Sequence[Person], config: OutputConfig, id_of: Callable[[int], str]) -> tuple[Person, ...]:
        """Those of a frame's people who are published, in the same order. id_of: names a track, for good."""
        admitted = tuple(person for person in people if self._passes(person, config, id_of))
        for person in admitted:
            if person.state == TrackState.LOST:
                del self._shown[id_of(person.track_id)]
            else:
                self._shown[id_of(person.track_id)] = None
        while len(self._shown) > _MOST_REMEMBERED:  # who was NEW and never confirmed is not reported LOST
            del self._shown[next(iter(self._shown))]
        return admitted

    def _passes(self, person: Person, config: OutputConfig, id_of: Callable[[int], str]) -> bool:
        if person.state == TrackState.LOST:
            return id_of(person.track_id) in self._shown
        return (
            person.state in _STATES[config.published_states]
            and _within(float(np.linalg.norm(person.pose.root_cam_m)), 0.0, config.max_distance_m)
            and _within(_box_height_px(person), config.min_box_height_px, 0.0)
            and _within(_height_m(person, config), config.min_height_m, config.max_height_m)
        )


def limits_problem(config: OutputConfig) -> str | None:
    """What is wrong with limits that no one is within; None where there are people who are."""
    low_m, high_m = config.min_height_m, config.max_height_m
    if not 0.0 < high_m < low_m:
        return None
    return (
        f"no one whose height is known is published: expected max_height_m of 0 or at least min_height_m, {low_m:g}, "
        f"got {high_m:g}. Fix: raise it, or lower min_height_m."
    )


def _within(value: float, low: float, high: float) -> bool:
    """Whether a value is within limits, of which 0 is none; one that is not known (NaN) is."""
    return not (value < low or 0.0 < high < value)


def _box_height_px(person: Person) -> float:
    return float(person.pose.detection.box_xyxy_px[3] - person.pose.detection.box_xyxy_px[1])


def _height_m(person: Person, config: OutputConfig) -> float:
    """Metres; NaN where it is not known, and where nothing limits it."""
    limited = config.min_height_m > 0 or config.max_height_m > 0
    return standing_height_m(person.pose) if limited else math.nan
