"""Simulated errors of 2D nets: size, swaps, hidden joints."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.tasks import lifting_noise
from pose3d_training.tasks.lifting_noise import Detected, autoregressive_noise, detect, hide

COCO = get_skeleton("coco17")
PEOPLE, FRAMES = 300, 10


def true_keypoints() -> Array:
    """People 0.5 high at distance 1, all over the image."""
    rng = np.random.default_rng(0)
    body = rng.uniform([-0.1, -0.25], [0.1, 0.25], (PEOPLE, 1, 17, 2))
    return np.asarray(body + rng.uniform(-0.5, 0.5, (PEOPLE, 1, 1, 2)) + np.zeros((PEOPLE, FRAMES, 1, 1)))


def found(seed: int = 1) -> Detected:
    return detect(true_keypoints(), COCO, np.full(PEOPLE, 15.0), np.random.default_rng(seed))


def quiet(monkeypatch: pytest.MonkeyPatch, **changes: float) -> None:
    """No errors but those of `changes`."""
    for name in ("_HIDDEN_JOINT", "_HIDDEN_PART", "_CUT_BELOW", "_CUT_ASIDE", "_SWAPS", "_OUTLIERS"):
        monkeypatch.setattr(lifting_noise, name, changes.get(name, 0.0))
    for name in ("_WHITE", "_SLOW"):
        monkeypatch.setattr(lifting_noise, name, (1e-9, 1e-9))


def test_detections_are_deterministic_for_a_seed() -> None:
    np.testing.assert_array_equal(found().keypoints, found().keypoints)
    assert not np.array_equal(found().keypoints, found(2).keypoints, equal_nan=True)


def test_detection_errors_are_a_few_percent_of_the_height() -> None:
    off = np.linalg.norm(found().keypoints - true_keypoints(), axis=-1) / 0.5
    assert 0.008 < np.nanmedian(off) < 0.03
    wrist, ear = COCO.index_of["L_Wrist"], COCO.index_of["L_Ear"]
    assert np.nanmedian(off[..., wrist]) > 1.3 * np.nanmedian(off[..., ear])


def test_score_is_zero_for_missing_joints_only() -> None:
    seen = found()
    lost = np.isnan(seen.keypoints).any(axis=-1)
    np.testing.assert_array_equal(lost, seen.scores == 0)
    assert seen.scores[~lost].min() >= 0.02
    assert seen.scores.max() <= 1
    assert 0.03 < lost.mean() < 0.2


def test_scores_decrease_with_the_error() -> None:
    seen = found()
    off = np.linalg.norm(seen.keypoints - true_keypoints(), axis=-1)
    good, bad = off < np.nanquantile(off, 0.5), off > np.nanquantile(off, 0.98)
    assert seen.scores[good].mean() > 0.7
    assert seen.scores[bad].mean() < 0.4


def test_detections_without_errors_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet(monkeypatch)
    np.testing.assert_allclose(found().keypoints, true_keypoints(), atol=1e-6)
    assert found().scores.min() > 0.5


def test_swap_exchanges_left_and_right_joints(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet(monkeypatch, _SWAPS=0.2)
    keypoints, true = found().keypoints, true_keypoints()
    left, right, nose = (COCO.index_of[name] for name in ("L_Wrist", "R_Wrist", "Nose"))
    kept = np.isclose(keypoints[:, :, left], true[:, :, left], atol=1e-6).all(axis=-1)
    swapped = np.isclose(keypoints[:, :, left], true[:, :, right], atol=1e-6).all(axis=-1)
    assert (kept | swapped).all()
    assert 0.01 < swapped.mean() < 0.06  # of a twentieth of the people, for a part of the frames
    np.testing.assert_allclose(keypoints[:, :, nose], true[:, :, nose], atol=1e-6)


def test_lower_image_edge_hides_the_lowest_joints(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet(monkeypatch, _CUT_BELOW=1.0)
    lost, y = np.isnan(found().keypoints[..., 0]), true_keypoints()[..., 1]
    lowest_kept = np.where(lost, -np.inf, y).max(axis=-1)
    highest_lost = np.where(lost, y, np.inf).min(axis=-1)
    assert (lowest_kept < highest_lost).all()
    assert 0.1 < lost.mean() < 0.6


def test_autoregressive_noise_has_unit_variance_and_the_given_correlation() -> None:
    noise = autoregressive_noise((2, 20_000, 3), np.array([0.9, 0.0]), np.random.default_rng(0))
    np.testing.assert_allclose(noise.std(axis=(1, 2)), 1, atol=0.05)
    together = (noise[:, 1:] * noise[:, :-1]).mean(axis=(1, 2))
    np.testing.assert_allclose(together, [0.9, 0.0], atol=0.05)


def test_hide_leaves_other_joints_as_they_are() -> None:
    exact = Detected(true_keypoints(), np.full((PEOPLE, FRAMES, 17), 0.9))
    seen = hide(exact, COCO, np.random.default_rng(3))
    lost = np.isnan(seen.keypoints).all(axis=-1)
    guessed = ~lost & (seen.scores < 0.9)
    assert 0.03 < lost.mean() < 0.25
    assert 0.01 < guessed.mean() < 0.15
    assert seen.scores[guessed].max() <= 0.35 * 0.9
    assert (seen.scores[lost] == 0).all()
    np.testing.assert_array_equal(seen.keypoints[~lost & ~guessed], exact.keypoints[~lost & ~guessed])


def test_hide_takes_frames_with_gaps_and_keeps_four_joints() -> None:
    keypoints, scores = true_keypoints(), np.full((PEOPLE, FRAMES, 17), 0.9)
    keypoints[:, :, 4:], scores[:, :, 4:] = np.nan, 0.0
    keypoints[0, 0], scores[0, 0] = np.nan, 0.0
    seen = hide(Detected(keypoints, scores), COCO, np.random.default_rng(3))
    np.testing.assert_array_equal(np.isnan(seen.keypoints), np.isnan(keypoints))
    assert np.isfinite(seen.scores).all()
    assert (seen.scores[:, :, 4:] == 0).all()
