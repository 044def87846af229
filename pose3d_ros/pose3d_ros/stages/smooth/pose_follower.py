"""A critically damped α-β filter behind the net (Benedict and Bordner 1962): poses without steps.

The net is trained through it: it looks ahead as far as the filter lags, and need not cancel every quick error itself.
The training has the same filter in torch, `pose3d_training.tasks.smoothing`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.types import Array

FOLLOWING_S, FOLLOWING_FRAMES = 0.2, 3
"""Time constant of the filter's two equal poles: so many frames, but no more than that time. At a higher rate it takes
less time to tell quick errors from motion."""


@dataclass(frozen=True, eq=False)
class Followed:
    """Positions and velocities (N, K, 3) of N people's joints, metres and seconds."""

    relative_m: Array
    velocity_mps: Array


def follow(before: Followed, relative_m: Array, dt_s: Array, restart: npt.NDArray[np.bool_]) -> Followed:
    """The filter's state after the net's poses relative_m (N, K, 3), dt_s (N,) later; restart (N, K): joints that jump.

    A joint jumps in a person's first frame, and where it was not measured in the one before.
    """
    keep = np.exp(-np.maximum(dt_s / FOLLOWING_S, 1 / FOLLOWING_FRAMES))[:, None, None]
    dt = dt_s[:, None, None]
    ahead = before.relative_m + before.velocity_mps * dt
    error = relative_m - ahead
    position, velocity = ahead + (1 - keep**2) * error, before.velocity_mps + (1 - keep) ** 2 * error / dt
    jumps = restart[..., None]
    return Followed(np.where(jumps, relative_m, position), np.where(jumps, 0.0, velocity))
