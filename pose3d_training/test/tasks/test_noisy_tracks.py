"""Noisy tracks of a made-up walking person."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.smooth.smooth_features import feature_size, sequence_features
from pose3d_ros.types import Array
from pose3d_training.tasks.noisy_tracks import TrackSample, TrackSamples, _autoregressive_noise

SKELETON = get_skeleton("muco21")
JOINTS = len(SKELETON)


def track(frames: int = 300) -> Array:
    """A rigid person (T, J, 3) who walks 3 m back and forth, y up."""
    body = np.random.default_rng(0).uniform([-0.3, 0, -0.2], [0.3, 1.8, 0.2], (JOINTS, 3))
    path = np.stack([3 * np.sin(np.arange(frames) / 60), np.zeros(frames), np.zeros(frames)], axis=1)
    return np.asarray(body + path[:, None])


def samples(count: int, frames: int = 40, seed: int = 1) -> list[TrackSample]:
    return list(itertools.islice(TrackSamples([track()], SKELETON, frames, seed), count))


def test_sample_shapes_and_dtypes() -> None:
    (sample,) = samples(1)
    assert sample.measured_m.shape == sample.true_m.shape == (40, JOINTS, 3)
    assert sample.features.shape == (40, feature_size(JOINTS))
    assert {a.dtype for a in vars(sample).values()} == {np.dtype(np.float32)}


def test_samples_are_deterministic_for_a_seed() -> None:
    for one, two in zip(samples(3), samples(3), strict=True):
        np.testing.assert_array_equal(one.measured_m, two.measured_m)


def test_tracks_are_in_front_of_the_camera() -> None:
    for sample in samples(20):
        assert sample.true_m[:, SKELETON.root, 2].mean() > 0.5


def test_placement_is_rigid() -> None:
    body = track(1)[0]
    for sample in samples(5):
        for i, j in ((0, 5), (3, 17), (8, 12)):
            length = np.linalg.norm(sample.true_m[:, i] - sample.true_m[:, j], axis=1)
            np.testing.assert_allclose(length, np.linalg.norm(body[i] - body[j]), rtol=1e-4)


def test_track_errors_have_the_sizes_of_a_pose_net() -> None:
    made = samples(60)
    root = [s.measured_m[:, SKELETON.root] - s.true_m[:, SKELETON.root] for s in made]
    along = np.concatenate([(r * s.true_m[:, SKELETON.root]).sum(axis=1)
                            / np.linalg.norm(s.true_m[:, SKELETON.root], axis=1)
                            for r, s in zip(root, made, strict=True)])  # fmt: skip
    error = np.concatenate(root)
    assert 0.02 < along.std() < 0.5
    across = np.sqrt(np.maximum((error**2).sum(axis=1) - along**2, 0) / 2)
    assert across.std() < along.std() / 2  # a camera measures distance worst
    relative = np.concatenate([(s.measured_m - s.true_m) - r[:, None] for r, s in zip(root, made, strict=True)])
    spread = np.linalg.norm(relative, axis=-1).mean(axis=0)
    assert 0.01 < spread[SKELETON.index_of["R_Wrist"]] < 0.3
    assert spread[SKELETON.index_of["R_Wrist"]] > 1.3 * spread[SKELETON.index_of["Thorax"]]
    assert spread[SKELETON.root] == pytest.approx(0, abs=1e-5)


def test_features_are_computed_from_the_measured_track() -> None:
    (sample,) = samples(1)
    root = sample.measured_m[:, SKELETON.root].astype(np.float64)
    relative = sample.measured_m.astype(np.float64) - root[:, None]
    step_s = sample.features[1, -1] * 0.0333
    again = sequence_features(relative, root, np.full(len(root), step_s))
    np.testing.assert_allclose(sample.features, again, atol=1e-4)


def test_autoregressive_noise_has_unit_variance_and_the_given_correlation() -> None:
    noise = _autoregressive_noise(np.random.default_rng(0), (40_000, 4), 30.0, 0.5)
    assert noise.std() == pytest.approx(1, rel=0.05)
    together = (noise[15:] * noise[:-15]).mean() / noise.var()
    assert together == pytest.approx(np.exp(-1), abs=0.05)  # half a second later
