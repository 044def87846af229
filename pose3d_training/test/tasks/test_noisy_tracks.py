"""Noisy tracks of a made-up walking person."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.smooth.smooth_features import NOMINAL_DT_S, feature_size, hold_missing, sequence_features
from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.tasks import track_errors
from pose3d_training.tasks.motion_runs import MotionRun
from pose3d_training.tasks.noisy_tracks import TrackSample, TrackSamples, held

SKELETON = get_skeleton("muco21")
JOINTS = len(SKELETON)


def track(frames: int = 300) -> Array:
    """A rigid person (T, 27, 3) who walks 3 m back and forth, y up."""
    body = np.random.default_rng(0).uniform([-0.3, 0, -0.2], [0.3, 1.8, 0.2], (len(SYNTH_JOINTS), 3))
    path = np.stack([3 * np.sin(np.arange(frames) / 60), np.zeros(frames), np.zeros(frames)], axis=1)
    return np.asarray(body + path[:, None])


def samples(count: int, frames: int = 40, seed: int = 1) -> list[TrackSample]:
    return list(itertools.islice(TrackSamples([track()], SKELETON, frames, seed), count))


def complete(count: int) -> list[TrackSample]:
    """Samples in which every joint is measured all the time."""
    return [sample for sample in samples(6 * count) if sample.present.all()][:count]


def test_sample_shapes_and_dtypes() -> None:
    (sample,) = samples(1)
    assert sample.measured_m.shape == sample.true_m.shape == (40, JOINTS, 3)
    assert sample.present.shape == (40, JOINTS)
    assert sample.features.shape == (40, feature_size(JOINTS))
    assert {a.dtype for a in vars(sample).values()} == {np.dtype(np.float32)}
    assert all(np.isfinite(a).all() for s in samples(40) for a in vars(s).values())


def test_samples_are_deterministic_for_a_seed() -> None:
    for one, two in zip(samples(3), samples(3), strict=True):
        np.testing.assert_array_equal(one.measured_m, two.measured_m)


def test_tracks_are_in_front_of_the_camera() -> None:
    for sample in samples(20):
        assert sample.true_m[:, SKELETON.root, 2].mean() > 0.5


def test_placement_is_rigid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track_errors, "_BIAS", 0.0)
    monkeypatch.setattr(track_errors, "_ROOT_BIAS", 0.0)
    body = track(1)[0]
    for sample in complete(4):
        for a, b in (("Head", "R_Knee"), ("R_Elbow", "L_Toe"), ("Spine", "R_Hip")):
            length = np.linalg.norm(
                sample.true_m[:, SKELETON.index_of[a]] - sample.true_m[:, SKELETON.index_of[b]], axis=1
            )
            expected = np.linalg.norm(body[SYNTH_JOINTS.index(a)] - body[SYNTH_JOINTS.index(b)])
            np.testing.assert_allclose(length, expected, rtol=1e-4)


def test_errors_are_along_the_ray_and_at_the_ends() -> None:
    made = complete(40)
    root = [s.measured_m[:, SKELETON.root] - s.true_m[:, SKELETON.root] for s in made]
    along = np.concatenate([(r * s.true_m[:, SKELETON.root]).sum(axis=1)
                            / np.linalg.norm(s.true_m[:, SKELETON.root], axis=1)
                            for r, s in zip(root, made, strict=True)])  # fmt: skip
    error = np.concatenate(root)
    assert 0.05 < along.std() < 0.4
    across = np.sqrt(np.maximum((error**2).sum(axis=1) - along**2, 0) / 2)
    assert across.std() < along.std() / 2  # a camera measures distance worst
    relative = np.concatenate([(s.measured_m - s.true_m) - r[:, None] for r, s in zip(root, made, strict=True)])
    spread = np.linalg.norm(relative, axis=-1).mean(axis=0)
    assert spread[SKELETON.index_of["R_Wrist"]] > 1.3 * spread[SKELETON.index_of["Thorax"]]
    assert spread[SKELETON.root] == pytest.approx(0, abs=1e-5)


def test_features_are_computed_from_the_measured_track() -> None:
    for sample in samples(10):
        root = sample.measured_m[:, SKELETON.root].astype(np.float64)
        relative = sample.measured_m.astype(np.float64) - root[:, None]
        again = sequence_features(relative, root, sample.features[:, -1].astype(np.float64) * NOMINAL_DT_S)
        np.testing.assert_allclose(sample.features, again, atol=1e-4)


def test_people_come_with_all_joints_without_some_and_with_joints_that_come_and_go() -> None:
    made = samples(120)
    shown = np.stack([sample.present.mean(axis=0) for sample in made])
    assert (shown[:, SKELETON.root] == 1).all()
    never, whole = (shown == 0).any(axis=1), (shown == 1).all(axis=1)
    assert 0.3 < whole.mean() < 0.6
    assert 0.3 < never.mean() < 0.6
    assert ((shown > 0) & (shown < 1)).any(axis=1).mean() > 0.05
    at = SKELETON.index_of
    without_spine = made[int(np.flatnonzero(shown[:, at["Spine"]] == 0)[0])]
    relative = without_spine.measured_m[:, at["Spine"]] - without_spine.measured_m[:, SKELETON.root]
    np.testing.assert_allclose(relative, 0, atol=1e-6)  # as the running smoother has it: at the root


def test_some_frames_are_left_out() -> None:
    lasting = [sample.features[1:, -1] for sample in samples(60)]
    uneven = [bool(np.ptp(dt) > 1e-4) for dt in lasting]
    assert 0.1 < np.mean(uneven) < 0.6


def test_lost_joints_are_held_as_the_running_smoother_holds_them() -> None:
    rng = np.random.default_rng(0)
    relative = rng.normal(size=(20, 5, 3))
    relative[rng.random((20, 5)) < 0.5] = np.nan
    last: Array = np.zeros((5, 3))
    expected = []
    for joints in relative:
        last = hold_missing(joints, last)
        expected.append(last)
    np.testing.assert_array_equal(held(relative), np.array(expected))


def test_a_share_of_the_samples_is_what_the_chains_said(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = np.arange(90)
    true = track(90) + [0, 0, 5.0]
    marked = true + np.array([0.0, 0.25, 0.0]) * (np.array(SYNTH_JOINTS) == "R_Wrist")[:, None]
    made = itertools.islice(TrackSamples([track()], SKELETON, 40, 1, [MotionRun(frames, marked, true)]), 200)
    monkeypatch.setattr(track_errors, "_BIAS", 0.0)
    wrists = [SKELETON.index_of["R_Wrist"], SKELETON.index_of["L_Wrist"]]
    root = SKELETON.root
    ours = 0
    for sample in made:
        error = (sample.measured_m - sample.measured_m[:, [root]]) - (sample.true_m - sample.true_m[:, [root]])
        steady = np.abs(np.diff(error[:, wrists], axis=0)).max(axis=(0, 2)) < 1e-5
        ours += bool((steady & (np.abs(error[0, wrists, 1]) > 0.09)).any() and np.isfinite(sample.features).all())
    assert 0.5 < ours / 200 < 0.7


def test_hips_that_a_net_did_not_find_are_no_root() -> None:
    true = track(90) + [0, 0, 5.0]
    measured = true.copy()
    measured[::2, [SYNTH_JOINTS.index("L_Hip"), SYNTH_JOINTS.index("R_Hip")]] = np.nan
    runs = [MotionRun(np.arange(90), measured, true)]
    made = itertools.islice(TrackSamples([track()], SKELETON, 40, 3, runs), 150)
    assert all(np.isfinite(sample.features).all() for sample in made)
