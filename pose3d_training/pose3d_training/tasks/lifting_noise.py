"""Simulated errors of a 2D pose net: noise, outliers, swapped sides, hidden joints.

Lengths are in spreads: the root mean square distance of a person's joints from their mean, for a standing person about
0.28 of the height.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array

Mask = npt.NDArray[np.bool_]

_EXTREMITY = {"Wrist": 1.4, "Hand": 1.8, "Elbow": 1.1, "Ankle": 1.2, "Toe": 1.5, "Hip": 1.1, "Knee": 1.0}
_TRUNK = 0.8
"""How much more a 2D net errs at the ends of the limbs, and at hips, which nothing marks, than elsewhere."""

_WHITE, _SLOW = (0.008, 0.05), (0.015, 0.09)
"""Standard deviations, 0.2–1.4% and 0.4–2.5% of the height of a standing person."""
_OUTLIERS, _OUTLIER_TIMES = 0.01, 5.0
_SWAPS = 0.06
_GUESS_SD, _GUESS_SCORE, _OFF = 0.35, 0.35, 0.35
"""Of a hidden joint that the net estimates nonetheless, with a low score; error that makes a score 1/e."""
_LEAST_LEFT = 4
_HIDDEN_JOINT, _HIDDEN_PART, _CUT_BELOW, _CUT_ASIDE = 0.04, 0.06, 0.2, 0.06
_PARTS = (
    ("L_Elbow", "L_Wrist"), ("R_Elbow", "R_Wrist"), ("L_Knee", "L_Ankle"), ("R_Knee", "R_Ankle"),
    ("L_Knee", "L_Ankle", "R_Knee", "R_Ankle"), ("Nose", "L_Eye", "R_Eye", "L_Ear", "R_Ear"),
    ("L_Shoulder", "L_Elbow", "L_Wrist"), ("R_Shoulder", "R_Elbow", "R_Wrist"),
)  # fmt: skip
_SWAPPED = (("Elbow", "Wrist"), ("Knee", "Ankle"), ("Hip", "Knee", "Ankle"), ("Eye", "Ear"))


@dataclass(frozen=True, eq=False)
class Detected:
    """Output of a 2D pose net: keypoints (P, T, J, 2) on the plane z = 1, NaN for none; scores (P, T, J), 0 there."""

    keypoints: Array
    scores: Array


def detect(keypoints: Array, skeleton: Skeleton, rate_hz: Array, rng: np.random.Generator) -> Detected:
    """Detections of P people over T frames. keypoints: (P, T, J, 2), ground truth. rate_hz: (P,), of the frames."""
    size = _spread(keypoints)
    guessed, lost = _hidden(keypoints, skeleton, rng)
    error = _error(keypoints.shape, skeleton, rate_hz, rng)
    error = np.where(guessed[..., None], error + _GUESS_SD * rng.normal(size=keypoints.shape), error)
    moved = _swapped(keypoints + error * size, skeleton, rng)
    off = np.linalg.norm((moved - keypoints) / size, axis=-1)
    scores = rng.uniform(0.7, 1.0, (len(keypoints), 1, 1)) * np.exp(-((off / _OFF) ** 2))
    scores = np.where(guessed, _GUESS_SCORE * scores, scores) + 0.04 * rng.normal(size=scores.shape)
    return Detected(np.where(lost[..., None], np.nan, moved), np.where(lost, 0.0, np.clip(scores, 0.02, 1.0)))


def hide(found: Detected, skeleton: Skeleton, rng: np.random.Generator) -> Detected:
    """The same detections with further joints hidden: some that the net gives as guesses, some that it does not give.

    Frames in which fewer than four joints would be left stay as they are.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of frames without any joint
        guessed, lost = _hidden(found.keypoints, skeleton, rng)
        error = _GUESS_SD * _spread(found.keypoints) * rng.normal(size=found.keypoints.shape)
        off = np.linalg.norm(error, axis=-1) / _spread(found.keypoints)[..., 0]
    left = np.isfinite(found.keypoints).all(axis=-1) & ~lost
    enough = left.sum(axis=-1, keepdims=True) >= _LEAST_LEFT
    guessed, lost = guessed & enough, lost & enough
    keypoints = np.where(guessed[..., None], found.keypoints + error, found.keypoints)
    scores = np.where(guessed, _GUESS_SCORE * found.scores * np.exp(-((off / _OFF) ** 2)), found.scores)
    return Detected(np.where(lost[..., None], np.nan, keypoints), np.where(lost, 0.0, np.nan_to_num(scores)))


def _spread(keypoints: Array) -> Array:
    """(P, T, 1, 1)."""
    away = keypoints - np.nanmean(keypoints, axis=2, keepdims=True)
    return np.asarray(np.sqrt(np.nanmean(np.square(away).sum(axis=-1), axis=-1))[..., None, None])


def _error(shape: tuple[int, ...], skeleton: Skeleton, rate_hz: Array, rng: np.random.Generator) -> Array:
    """White and slowly varying error with rare outliers, in spreads, (P, T, J, 2)."""
    people, frames, joints, _ = shape
    each = (people, 1, 1, 1)
    keep = np.exp(-1 / (rate_hz * rng.uniform(0.1, 0.8, people)))
    outlier = 1 + (_OUTLIER_TIMES - 1) * (rng.random((people, frames, joints, 1)) < _OUTLIERS)
    white = log_uniform(rng, *_WHITE, each) * outlier * rng.normal(size=shape)
    slow = log_uniform(rng, *_SLOW, each) * autoregressive_noise(shape, keep, rng)
    ends = np.array([_EXTREMITY.get(name.split("_")[-1], _TRUNK) for name in skeleton.joints])
    return np.asarray((white + slow) * ends[:, None])


def autoregressive_noise(shape: tuple[int, ...], keep: Array, rng: np.random.Generator) -> Array:
    """First-order autoregressive noise (P, T, …) of unit variance along T; keep: (P,), correlation of a step."""
    noise = rng.normal(size=shape)
    keep = keep.reshape(-1, *[1] * (len(shape) - 2))
    fresh = np.sqrt(1 - keep**2)
    for t in range(1, shape[1]):
        noise[:, t] = keep * noise[:, t - 1] + fresh * noise[:, t]
    return noise


def _swapped(keypoints: Array, skeleton: Skeleton, rng: np.random.Generator) -> Array:
    """Left and right exchanged in arms, legs or face, for a few frames of some people."""
    swapped = keypoints.copy()
    for ends in _SWAPPED:
        order = np.arange(len(skeleton))
        for a, b in skeleton.flip_pairs:
            if skeleton.joints[a].split("_")[-1] in ends:
                order[a], order[b] = b, a
        during = _stretches(keypoints.shape[:2], _SWAPS / len(_SWAPPED), rng, longest=8)
        swapped = np.where(during[..., None, None], swapped[:, :, order], swapped)
    return swapped


def _hidden(keypoints: Array, skeleton: Skeleton, rng: np.random.Generator) -> tuple[Mask, Mask]:
    """Joints (P, T, J) that the net only guesses, and those that it does not give."""
    shape = keypoints.shape[:3]
    hidden = np.stack([_stretches(shape[:2], _HIDDEN_JOINT, rng, longest=30) for _ in skeleton.joints], axis=-1)
    for names in _PARTS:
        part = np.isin(skeleton.joints, names)
        hidden |= _stretches(shape[:2], _HIDDEN_PART, rng, longest=60)[..., None] & part
    outside = _outside(keypoints, rng)
    guesses = (rng.random((shape[0], 1, 1)) < 0.5) & ~outside
    return hidden & guesses, (hidden & ~guesses) | outside


def _outside(keypoints: Array, rng: np.random.Generator) -> Mask:
    """Joints (P, T, J) beyond the image's lower or a lateral edge."""
    people = len(keypoints)
    low, high = np.nanmin(keypoints, axis=(1, 2)), np.nanmax(keypoints, axis=(1, 2))
    share = np.stack([rng.uniform(0.5, 1.0, people), rng.uniform(0.35, 1.0, people)], axis=-1)
    edge = low + share * (high - low)
    aside = np.where(rng.random(people) < _CUT_ASIDE, edge[:, 0], np.inf)
    below = np.where(rng.random(people) < _CUT_BELOW, edge[:, 1], np.inf)
    left = np.where(rng.random(people) < _CUT_ASIDE, low[:, 0] + high[:, 0] - edge[:, 0], -np.inf)
    x, y = keypoints[..., 0], keypoints[..., 1]
    beyond: Mask = (x > aside[:, None, None]) | (y > below[:, None, None]) | (x < left[:, None, None])
    return beyond


def _stretches(shape: tuple[int, ...], share: float, rng: np.random.Generator, longest: int) -> Mask:
    """(P, T): true in one stretch of up to `longest` frames of some of the P."""
    people, frames = shape
    length = rng.integers(1, longest + 1, people)
    start = rng.integers(-longest, frames, people)
    start = np.where(start + length <= 0, 0, start)
    at = np.arange(frames)
    within: Mask = (at >= start[:, None]) & (at < (start + length)[:, None]) & (rng.random((people, 1)) < share)
    return within


def log_uniform(rng: np.random.Generator, low: float, high: float, shape: tuple[int, ...] = ()) -> Array:
    """Numbers of that shape whose logarithms are uniform between those of low and high."""
    return np.asarray(np.exp(rng.uniform(np.log(low), np.log(high), shape)))
