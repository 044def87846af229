"""Simulated errors of tracked 3D poses over time, as the image nets make them.

Two kinds are mixed. One has mostly white noise. The other has the statistics that were measured on rendered motions
at 30 Hz, of the embedded net that gives pose and root and of a landmark net that follows its own region: hardly any
white noise; errors of centimetres to decimetres that vary within tenths of a second to seconds, along the ray about
twice those across; the errors of elbow, wrist and hand, and of knee, ankle and toe, correlate by 0.6 to 0.9, those of
different limbs hardly; bursts (the kurtosis of the second differences is 12 to 17); the root's distance off by 4 to 6%,
with 3 to 4% of variation within half a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from pose3d_ros.skeletons import ancestors
from pose3d_ros.types import Array
from pose3d_training.tasks.lifting_noise import log_uniform

_WHITE_SHARE = 0.35
_EXTREMITY = {"Wrist": 1.5, "Hand": 2.0, "Elbow": 1.2, "Ankle": 1.3, "Toe": 1.7, "Knee": 1.0}
_OWN_M = {"Elbow": 0.045, "Wrist": 0.045, "Hand": 0.02, "Knee": 0.045, "Ankle": 0.04, "Toe": 0.03, "Head": 0.02}
_TRUNK_M = 0.02
"""What a joint errs beside its parent in the body tree, across the ray; in sum as measured at its end."""
_ALONG = 1.8
_INHERITED = 0.85
_BIAS, _ROOT_BIAS = 0.8, 0.05
"""Of the lasting error beside the varying one; of the root's distance."""
_SIZES = (0.15, 1.3)
"""Of the measured sizes: people who stand and are seen well have far less than those who climb."""
_BURSTS = 0.8
"""Standard deviation of the logarithm of a limb's intensity."""


@dataclass(frozen=True, eq=False)
class TrackErrors:
    """Errors of absolute joints over time, (T, J, 3) metres, in axes whose z is the person's ray.

    lasting: those of a person's size and build, which no later frame tells. varying: the rest.
    """

    lasting: Array
    varying: Array


def track_errors(
    true_m: Array, names: Sequence[str], root: int, rate_hz: float, rng: np.random.Generator
) -> TrackErrors:
    """Errors of the joints true_m (T, J, 3) with these names.

    The root joint, index `root`, has the error of the whole person alone.
    """
    away = np.linalg.norm(true_m[:, root], axis=-1)[:, None, None] * [0.0, 0.0, 1.0]
    size = log_uniform(rng, *_SIZES) * np.array([_OWN_M.get(name.split("_")[-1], _TRUNK_M) for name in names])[:, None]
    build = _handed_on(_BIAS * size * [1.0, 1.0, _ALONG] * rng.normal(size=(1, len(names), 3)), names)
    lasting = build - build[:, [root]] + _ROOT_BIAS * rng.normal() * away
    return TrackErrors(np.asarray(lasting), _varying(away, size, names, root, rate_hz, rng))


def _varying(
    away: Array, size_m: Array, names: Sequence[str], root: int, rate_hz: float, rng: np.random.Generator
) -> Array:
    """Away (T, 1, 3): the root's distance along z. size_m (J, 1): of what each joint errs by itself."""
    frames = len(away)
    is_white = rng.random() < _WHITE_SHARE
    relative = (
        _white_errors(frames, names, rate_hz, rng) if is_white else _limb_errors(frames, size_m, names, rate_hz, rng)
    )
    along = away * _share(frames, rate_hz, rng)[:, None, None]
    across = log_uniform(rng, 0.002, 0.012) * rng.normal(size=(frames, 1, 3))
    if not is_white:
        slow = autoregressive((frames, 1, 3), rate_hz, float(log_uniform(rng, 0.1, 0.6)), rng)
        across = across / 3 + log_uniform(rng, 0.003, 0.03) * slow * [1.0, 1.0, 0.0]
    return np.asarray(relative - relative[:, [root]] + along + across)


def _share(frames: int, rate_hz: float, rng: np.random.Generator) -> Array:
    """Varying error (T,) of the root's distance, as a share of it."""
    drift = autoregressive((frames,), rate_hz, rng.uniform(0.15, 1.0), rng)
    jitter = log_uniform(rng, 0.002, 0.03) * rng.normal(size=frames)
    return np.asarray(log_uniform(rng, 0.006, 0.05) * drift + jitter)


def _white_errors(frames: int, names: Sequence[str], rate_hz: float, rng: np.random.Generator) -> Array:
    """White and slowly varying errors of each joint by itself, with rare outliers."""
    shape = (frames, len(names), 3)
    extremity = np.array([_EXTREMITY.get(name.split("_")[-1], 0.8) for name in names])
    white = log_uniform(rng, 0.003, 0.025) * rng.normal(size=shape)
    slow = log_uniform(rng, 0.01, 0.05) * autoregressive(shape, rate_hz, rng.uniform(0.1, 0.8), rng)
    outlier = 1 + 4 * (rng.random((frames, len(names), 1)) < 0.01)
    return np.asarray((white * outlier + slow) * extremity[:, None] * [1.0, 1.0, 1.8])


def _limb_errors(frames: int, size_m: Array, names: Sequence[str], rate_hz: float, rng: np.random.Generator) -> Array:
    """Errors that a joint hands on to its children in the body tree, with bursts."""
    shape = (frames, len(names), 3)
    quick = autoregressive(shape, rate_hz, float(log_uniform(rng, 0.08, 0.5)), rng, bursts=_BURSTS)
    slow = autoregressive(shape, rate_hz, float(log_uniform(rng, 0.4, 2.5)), rng)
    part = rng.uniform(0.2, 0.9)
    own = (np.sqrt(part) * quick + np.sqrt(1 - part) * slow) * size_m * [1.0, 1.0, _ALONG]
    return _handed_on(own + log_uniform(rng, 0.0005, 0.006) * rng.normal(size=shape), names)


def _handed_on(own_m: Array, names: Sequence[str]) -> Array:
    """Each joint's own error (T, J, 3) and most of that of its parent in the body tree."""
    parents, error = _parents(names), np.empty_like(own_m)
    for joint in sorted(range(len(names)), key=lambda j: len(ancestors(names[j]))):
        error[:, joint] = own_m[:, joint] + (_INHERITED * error[:, parents[joint]] if parents[joint] >= 0 else 0.0)
    return error


def _parents(names: Sequence[str]) -> list[int]:
    """Index of each joint's nearest ancestor among the names, -1 for none."""
    nearest = [next((a for a in ancestors(name) if a in names), None) for name in names]
    return [-1 if name is None else list(names).index(name) for name in nearest]


def autoregressive(
    shape: tuple[int, ...], rate_hz: float, time_constant_s: float, rng: np.random.Generator, *, bursts: float = 0.0
) -> Array:
    """First-order autoregressive noise of unit variance along the first axis.

    bursts: standard deviation of the logarithm of the intensity, which varies within half a second, for each joint.
    """
    keep = float(np.exp(-1 / (rate_hz * time_constant_s)))
    drive = rng.normal(size=shape) * np.sqrt(1 - keep**2)
    if bursts:
        intensity = bursts * autoregressive(shape[:-1], rate_hz, 0.5, rng)
        drive = drive * np.exp(intensity - bursts**2)[..., None]
    drive[0] = rng.normal(size=shape[1:])
    return np.asarray(lfilter([1.0], [1.0, -keep], drive, axis=0), np.float64)
