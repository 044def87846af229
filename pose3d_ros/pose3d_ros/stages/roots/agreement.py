"""How much each root solver counts, how far the others are from it, and what tells a wrong floor or focal length."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import RootReading
from pose3d_ros.stages.roots.fusion import FusedRoot, sized_reading
from pose3d_ros.stages.roots.size_belief import PERSON_SIGMA, SizeBelief

LASTING = {"depth disagrees": "depth", "floor disagrees": "ground"}
"""Kinds of problems, and the solvers that they are of."""
NAMED_SHARE = 0.05
"""Of the information on a distance, from which a solver counts as one that took part."""
_RECENT_S = 10.0
_MOST_READINGS = 4000
_MOST_PEOPLE = 200
_LEAST_PEOPLE, _LEAST_READINGS = 5, 10
"""How many people a lasting disagreement is judged by, and from how many readings a person counts."""
_NETS_SIGMA = 0.025
"""Of what the nets make of all people's sizes alike."""
_CHILDREN = 0.1
"""So much smaller, in ln, people may be children."""
_SIGNIFICANT = 2.5
"""Standard errors; and the least that is worth saying."""
_LEAST_DISAGREEMENT = 0.05


def taking_part(
    readings: Sequence[RootReading], found: FusedRoot, size: SizeBelief, anyone: SizeBelief
) -> dict[str, float]:
    """Solver → share of those that a distance is from; what the size that was learned adds is `stature`'s.

    found: what was fused of the readings. size: what was believed of the person's, anyone: of a person of whom nothing
    is known.
    """
    shares, sized = dict(found.shares), sized_reading(readings)
    if sized is not None:
        learned = max(1.0 - (size.variance + sized.variance) / (anyone.variance + sized.variance), 0.0)
        by_size = [r.solver for r in readings if r.by_size]
        shares["stature"] = learned * sum(shares[solver] for solver in by_size)
        shares.update({solver: (1.0 - learned) * shares[solver] for solver in by_size})
    named = {solver: share for solver, share in shares.items() if share >= NAMED_SHARE}
    return dict(sorted(named.items(), key=lambda item: -item[1]))


@dataclass(frozen=True)
class SolverAgreement:
    """share: mean part of the information. disagreement: mean of ln(its distance / the fused one)."""

    share: float
    disagreement: float

    @property
    def in_words(self) -> str:
        """Both in per cent."""
        away = f", {np.expm1(self.disagreement):+.1%} from the fused distance" if np.isfinite(self.disagreement) else ""
        return f"{self.share:.0%} of the weight{away}"


@dataclass
class _Sums:
    """Of one person's readings by floor or depth against those by size: how many, and the sums that means are from."""

    count: int = 0
    log_ratio: float = 0.0
    distance_m: float = 0.0
    height_m: float = 0.0


@dataclass(frozen=True)
class _Reading:
    stamp_ns: int
    shares: Mapping[str, float]
    log_ratios: Mapping[str, float]


@dataclass
class Agreement:
    """Sums over people. Safe to use from several threads."""

    _recent: deque[_Reading] = field(default_factory=lambda: deque(maxlen=_MOST_READINGS))
    _people: dict[tuple[str, int], _Sums] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self,
        track_id: int,
        stamp_ns: int,
        readings: Sequence[RootReading],
        found: FusedRoot,
        shares: Mapping[str, float],
        ground: GroundPlane | None,
    ) -> None:
        """One person in one frame. shares: see `taking_part`. ground: of the frame."""
        log_ratios = {r.solver: float(np.log(r.distance_m / found.distance_m)) for r in readings}
        sized = sized_reading(readings)
        given = ground is not None and ground.origin != "people"
        with self._lock:
            self._recent.append(_Reading(stamp_ns, shares, log_ratios))
            for r in readings:
                if sized is None or r.by_size or (r.solver == "ground" and not given):
                    continue
                sums = self._people.setdefault((r.solver, track_id), _Sums())
                sums.count += 1
                sums.log_ratio += float(np.log(r.distance_m)) - sized.log_m
                sums.distance_m += found.distance_m
                sums.height_m += 0.0 if ground is None else ground.height_m
            while len(self._people) > _MOST_PEOPLE:
                self._people.pop(next(iter(self._people)))

    def forget_recent(self) -> None:
        """The clock went back, or another scene is shown."""
        with self._lock:
            self._recent.clear()

    def solvers(self) -> dict[str, SolverAgreement]:
        """Each solver's share and disagreement over the last seconds, the one that counts most first."""
        with self._lock:
            recent = list(self._recent)
        recent = [one for one in recent if recent[-1].stamp_ns - one.stamp_ns <= _RECENT_S * 1e9]
        names = {name for one in recent for name in (*one.shares, *one.log_ratios)}
        found = {}
        for name in names:
            ratios = [one.log_ratios[name] for one in recent if name in one.log_ratios]
            share = float(np.mean([one.shares.get(name, 0.0) for one in recent]))
            found[name] = SolverAgreement(share, float(np.mean(ratios)) if ratios else float("nan"))
        return dict(sorted(found.items(), key=lambda item: -item[1].share))

    def problems(self) -> dict[str, str]:
        """Each of LASTING in words, with what is probably wrong; "" where floor or depth agree with people's sizes."""
        return {kind: self._problem(solver) for kind, solver in LASTING.items()}

    def _problem(self, solver: str) -> str:
        with self._lock:
            people = [sums for (name, _), sums in self._people.items() if name == solver]
        people = [sums for sums in people if sums.count >= _LEAST_READINGS]
        if len(people) < _LEAST_PEOPLE:
            return ""
        log_ratios = np.array([sums.log_ratio / sums.count for sums in people])
        middle = float(np.median(log_ratios))
        spread = max(1.4826 * float(np.median(np.abs(log_ratios - middle))), PERSON_SIGMA)
        # 1.25: of a median's standard deviation over that of the mean.
        error = float(np.hypot(1.25 * spread / np.sqrt(len(people)), _NETS_SIGMA))
        if abs(middle) < max(_SIGNIFICANT * error, _LEAST_DISAGREEMENT):
            return ""
        count = sum(sums.count for sums in people)
        distance_m = sum(sums.distance_m for sums in people) / count
        height_m = sum(sums.height_m for sums in people) / count
        about = f"{len(people)} people, {100 * abs(middle):.0f}% ± {100 * error:.0f}%"
        if solver == "depth":
            return _depth_in_words(middle, about)
        return _floor_in_words(middle, distance_m, height_m, about)


def _depth_in_words(log_ratio: float, about: str) -> str:
    """Distances by size are proportional to the focal length; those of a depth camera are not."""
    long = "long" if log_ratio < 0 else "short"
    return (
        f"depth says that people are {_nearer(log_ratio)} than their size says ({about}): the focal length seems "
        f"{100 * abs(np.expm1(-log_ratio)):.0f}% too {long}, or the unit of depth is wrong. "
        f"Calibrate the color camera.{_children(log_ratio)}"
    )


def _floor_in_words(log_ratio: float, distance_m: float, height_m: float, about: str) -> str:
    """Distances on a floor are proportional to the camera's height, and change with its pitch by distance / height."""
    high_cm = 100 * height_m * float(-np.expm1(-log_ratio))
    pitch_deg = float(np.rad2deg(abs(log_ratio) * height_m / distance_m))
    lower, down = ("lower", "down") if log_ratio > 0 else ("higher", "up")
    return (
        f"the floor says that people are {_nearer(log_ratio)} than their size says ({about}): the camera seems "
        f"{abs(high_cm):.0f} cm {lower} than the {height_m:.2f} m that camera_height_m or TF say, or to look "
        f"{pitch_deg:.1f} degrees further {down}. Measure both.{_children(log_ratio)}"
    )


def _children(log_ratio: float) -> str:
    return " Where they are children, nothing is wrong." if log_ratio < -_CHILDREN else ""


def _nearer(log_ratio: float) -> str:
    return f"{100 * abs(np.expm1(log_ratio)):.0f}% {'farther away' if log_ratio > 0 else 'nearer'}"
