"""One person over time: where they are expected, and the distance errors of each camera that saw them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from pose3d_ros.records import Person
from pose3d_ros.stages.multiview.body_fusion import FusedBody
from pose3d_ros.stages.multiview.camera_view import BodyRays
from pose3d_ros.types import Array

_FIRST_SPEED_MPS = 1.0
_VELOCITY_WALK_MPS = 1.5
_VELOCITY_DECAY_S = 0.6
_SINGLE_SHARE = 0.25
"""Of one camera's variance of the distance: what changes from frame to frame, the rest is the person's size."""
_SIZE_MEMORY_S = 2.0
_LASTING_SIGMA = 0.4
"""Of a camera's own deviation: what is left of it where its error was seen a short time ago."""
_FORGET_SIZE_S = 10.0


@dataclass(eq=False)
class FusedTrack:
    """A person in the common frame.

    Attributes
    ----------
    number : int
        Of the track, never used twice.
    mean : ndarray
        (6,), position and velocity of the root.
    covariance : ndarray
        (6, 6).
    seen_ns : int
        When a camera saw the person last.
    at_ns : int
        The time of the mean.
    views : int
        How many cameras saw the person then.
    person : Person
        As last published.
    """

    number: int
    mean: Array
    covariance: Array
    seen_ns: int
    at_ns: int
    views: int
    person: Person
    announced: bool = field(default=False)

    @classmethod
    def begun(cls, number: int, body: FusedBody, velocity_mps: Array, time_ns: int, person: Person) -> FusedTrack:
        """At the first sight."""
        covariance = np.zeros((6, 6))
        covariance[:3, :3] = body.root_covariance_m2
        covariance[3:, 3:] = _FIRST_SPEED_MPS**2 * np.eye(3)
        return cls(number, np.concatenate([body.root_m, velocity_mps]), covariance, time_ns, time_ns, 0, person)

    def predict(self, time_ns: int, *, is_seen: bool = True) -> None:
        """Advance to a time; who is not seen slows down."""
        seconds = max((time_ns - self.at_ns) * 1e-9, 0.0)
        keep = 1.0 if is_seen else float(np.exp(-seconds / _VELOCITY_DECAY_S))
        reach_s = seconds if is_seen else _VELOCITY_DECAY_S * (1.0 - keep)
        step = np.kron([[1.0, reach_s], [0.0, keep]], np.eye(3))
        walk = np.array([[seconds**3 / 3, seconds**2 / 2], [seconds**2 / 2, seconds]])
        noise = np.kron(_VELOCITY_WALK_MPS**2 * walk, np.eye(3))
        self.mean, self.covariance = step @ self.mean, step @ self.covariance @ step.T + noise
        self.at_ns = max(time_ns, self.at_ns)

    def update(self, body: FusedBody, views: int) -> None:
        """Take a measurement, which must be of the time of the mean."""
        noise_m2 = body.root_covariance_m2 * (1.0 if views > 1 else _SINGLE_SHARE)
        if (views > 1) != (self.views > 1):  # a jump by one camera's error is no motion
            self.mean[:3], self.covariance[:3, :3] = body.root_m, noise_m2
            self.covariance[:3, 3:] = self.covariance[3:, :3] = 0.0
        gain = np.linalg.solve(self.covariance[:3, :3] + noise_m2, self.covariance[:3]).T
        rest = np.eye(6)
        rest[:, :3] -= gain
        self.mean = self.mean + gain @ (body.root_m - self.mean[:3])
        self.covariance = rest @ self.covariance @ rest.T + gain @ noise_m2 @ gain.T
        self.seen_ns, self.views = self.at_ns, views

    def cost(self, root_m: Array, root_covariance_m2: Array) -> float:
        """Squared Mahalanobis distance of a root from where the person is expected."""
        apart = root_m - self.mean[:3]
        return float(apart @ np.linalg.solve(self.covariance[:3, :3] + root_covariance_m2, apart))


class RangeErrors:
    """By which factor each camera's distances of its people err, from when other cameras saw them, too."""

    def __init__(self) -> None:
        self._logs: dict[tuple[str, int], tuple[float, int]] = {}

    def note(self, body: BodyRays, correction_m: float, time_ns: int) -> None:
        """A camera's distance was found to be wrong by so much."""
        range_m = float(body.ranges_m[-1])
        log = float(np.log(max(range_m + correction_m, 0.1) / range_m))
        before, last_ns = self._logs.get(body.key, (log, time_ns))
        keep = float(np.exp((last_ns - time_ns) * 1e-9 / _SIZE_MEMORY_S)) if body.key in self._logs else 0.0
        keep = min(keep, 0.95)
        self._logs[body.key] = (keep * before + (1.0 - keep) * log, time_ns)
        oldest_ns = time_ns - round(_FORGET_SIZE_S * 1e9)
        self._logs = {key: found for key, found in self._logs.items() if found[1] > oldest_ns}

    def corrected(self, body: BodyRays) -> BodyRays:
        """What is seen by one camera alone, with that error taken out; itself where none is known."""
        if body.key not in self._logs:
            return body
        factor = float(np.exp(self._logs[body.key][0]))
        shift_m = (factor - 1.0) * float(body.ranges_m[-1])
        return replace(body, ranges_m=body.ranges_m + shift_m, range_sigma_m=_LASTING_SIGMA * body.range_sigma_m)
