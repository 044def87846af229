from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.stages.smooth.root_filter import RootTrack, updated_tracks
from pose3d_ros.types import Array

RATE_HZ = 15.0
UNKNOWN = float("nan")


def stroll(frames: int, speed_mps: float = 1.2, radius_m: float = 1.5) -> Array:
    """Roots (T, 3) of a person who walks in circles, 4 m away."""
    angle = speed_mps / radius_m * np.arange(frames) / RATE_HZ
    return np.stack([radius_m * np.cos(angle), np.full(frames, 0.2), 4 + radius_m * np.sin(angle)], axis=1)


def noisy(true: Array, along: float, seed: int = 0) -> Array:
    """With errors of that share of the distance along the ray, which vary within some frames, and few across."""
    rng = np.random.default_rng(seed)
    white, slow = rng.normal(size=(2, len(true)))
    for t in range(1, len(true)):
        slow[t] = 0.6 * slow[t - 1] + 0.8 * slow[t]
    share = along * (0.5 * white + 0.87 * slow)
    return np.asarray(true * (1 + share[:, None]) + rng.normal(0, 0.008, true.shape))


def filtered(roots: Array, sigma_m: float = UNKNOWN, dt_s: Array | None = None) -> list[RootTrack]:
    track: list[RootTrack | None] = [None]
    out = []
    for i, root in enumerate(roots):
        dt = np.array([1 / RATE_HZ]) if dt_s is None else dt_s[i : i + 1]
        (newest,) = updated_tracks(track, root[None], np.array([sigma_m]), dt)
        track = [newest]
        out.append(newest)
    return out


def places(tracks: Sequence[RootTrack]) -> Array:
    return np.array([t.smooth_m for t in tracks])


def error(found: Array, true: Array) -> float:
    return float(np.linalg.norm(found - true, axis=1).mean())


def jitter(path: Array) -> float:
    return float(np.linalg.norm(np.diff(path, n=3, axis=0), axis=1).mean())


@pytest.mark.parametrize("along", [0.01, 0.03, 0.06])
def test_roots_are_never_worse_and_far_smoother(along: float) -> None:
    true = stroll(600)
    for seed in range(3):
        measured = noisy(true, along, seed)
        smooth = places(filtered(measured))
        assert error(smooth, true) < 1.03 * error(measured, true)
        assert jitter(smooth) < jitter(measured) / (4 if along > 0.02 else 2.5)


def test_sure_distances_are_followed() -> None:
    """Walking in circles needs acceleration: the filter must not cut the corners of what was measured well."""
    true = stroll(400)
    measured = noisy(true, 0.003)
    assert error(places(filtered(measured, 0.04))[15:], true[15:]) < 0.045


def test_learns_how_much_distances_vary_up_to_what_is_stated() -> None:
    true = stroll(300)
    sure, unsure = filtered(noisy(true, 0.002)), filtered(noisy(true, 0.06))
    assert sure[-1].along < 0.015
    assert unsure[-1].along > 0.009
    least_m = np.linalg.norm(true, axis=1).min()
    assert max(t.along for t in filtered(noisy(true, 0.06), 0.02)) <= 0.02 / (0.7 * least_m)


def test_constant_velocity_has_no_lag() -> None:
    dt_s = np.random.default_rng(0).uniform(0.02, 0.12, 120)
    true = np.array([-1.0, 0.1, 3.0]) + np.cumsum(dt_s)[:, None] * [0.4, 0.0, 0.3]
    np.testing.assert_allclose(places(filtered(true, dt_s=dt_s))[70:], true[70:], atol=4e-3)


def test_outlier_hardly_moves_a_root() -> None:
    roots = np.tile([0.3, 0.0, 4.0], (60, 1))
    roots[40] *= 1.5
    assert np.abs(places(filtered(roots)) - [0.3, 0.0, 4.0]).max() < 0.06


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 5), st.integers(0, 99))
def test_people_are_filtered_by_themselves(people: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    roots = rng.normal(0, 0.05, (6, people, 3)) + rng.uniform(-1, 1, (people, 3)) + [0, 0, 4]
    sigmas, dt_s = rng.uniform(0.05, 0.5, people), rng.uniform(0, 0.2, people)
    together: list[RootTrack | None] = [None] * people
    alone: list[RootTrack | None] = [None] * people
    for root in roots:
        together = [*updated_tracks(together, root, sigmas, dt_s)]
        alone = [updated_tracks([t], root[[i]], sigmas[[i]], dt_s[[i]])[0] for i, t in enumerate(alone)]
    for one, other in zip(together, alone, strict=True):
        assert one is not None
        assert other is not None
        np.testing.assert_allclose(one.smooth_m, other.smooth_m, atol=1e-9)
        np.testing.assert_allclose(one.covariance, other.covariance, atol=1e-9)


def test_first_place_is_the_measured_one_and_a_frame_of_the_same_time_is_no_harm() -> None:
    root = np.array([[0.5, 0.0, 3.0]])
    (first,) = updated_tracks([None], root, np.array([0.3]), np.array([0.0333]))
    np.testing.assert_array_equal(first.smooth_m, root[0])
    (second,) = updated_tracks([first], root * 1.01, np.array([UNKNOWN]), np.array([0.0]))
    assert np.isfinite(second.mean).all()
    np.testing.assert_allclose(second.smooth_m, root[0], atol=1e-9)
