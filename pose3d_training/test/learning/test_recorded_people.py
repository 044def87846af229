"""People of recordings as samples: what is drawn is what the recording says."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array
from pose3d_training.learning.recorded_people import MixedSamples, RecordedPeople, recorded_tracks
from pose3d_training.learning.recorded_track import RecordedTrack
from pose3d_training.learning.weak_samples import WeakLiftSample, WeakLiftSamples
from pose3d_training.tasks.lifting_samples import LiftSamples

from .recordings import COCO, MUCO, short_bag, track

pytest.importorskip("moderngl")


def people(*tracks: RecordedTrack, frames: int = 1, labeled: bool = True) -> RecordedPeople:
    return RecordedPeople(tracks, COCO, MUCO, frames, labeled=labeled)


def weak_sample(tracks: list[Array], frames: int) -> WeakLiftSample:
    return next(iter(WeakLiftSamples(tracks, COCO, MUCO, frames, 1)))


def test_labels_project_to_the_keypoints_mirrored_or_not(tracks: list[Array]) -> None:
    rng, like = np.random.default_rng(1), weak_sample(tracks, 3)
    sides = set()
    for _ in range(12):
        sample = people(track(9), frames=3).drawn(rng, like)
        assert isinstance(sample, WeakLiftSample)
        assert sample.labeled == 1
        joints = sample.target_m + sample.root_m[:, None]
        keypoints = sample.features[..., :2] * sample.spread[:, None, None] + sample.center[:, None]
        for name in ("L_Wrist", "R_Ankle", "L_Hip"):
            at = joints[:, MUCO.index_of[name]]
            np.testing.assert_allclose(keypoints[:, COCO.index_of[name]], at[:, :2] / at[:, 2:], atol=1e-5)
        sides.add(bool((sample.cam_from_person[0] @ sample.root_m[0])[0] > 0))
        np.testing.assert_array_equal(sample.prior_m, like.prior_m)
    assert sides == {True, False}


def test_labeled_people_are_seen_from_beside_as_well(tracks: list[Array]) -> None:
    like, left, right = weak_sample(tracks, 1), MUCO.index_of["L_Shoulder"], MUCO.index_of["R_Shoulder"]

    def turns_deg(one: RecordedTrack, second_view_deg: float) -> list[int]:
        found, rng = set(), np.random.default_rng(3)
        recorded = RecordedPeople([one], COCO, MUCO, 1, labeled=False, second_view_deg=second_view_deg)
        for _ in range(60):
            sample = recorded.drawn(rng, like)
            assert isinstance(sample, WeakLiftSample)
            x, _, z = sample.cam_from_person[0] @ (sample.target_m[0, left] - sample.target_m[0, right])
            found.add(round(float(np.degrees(np.arctan2(z, x)))))
        return sorted(found)

    one = track(1)
    one.joints_cam_m[0, [left, right]] = [0.5, 0, 4], [0.1, 0, 4]
    assert turns_deg(one, 0.0) == [0]
    assert turns_deg(one, 40.0) == [-40, -20, 0, 20, 40]


def test_unlabeled_people_are_seen_from_where_they_were(tracks: list[Array]) -> None:
    like, rng = weak_sample(tracks, 1), np.random.default_rng(3)
    half = track(2)
    half.joints_cam_m[1] = np.nan
    recorded = RecordedPeople([half], COCO, MUCO, 1, labeled=False, second_view_deg=40.0)
    assert all((recorded.drawn(rng, like).features[..., 2] > 0).any() for _ in range(60))


def test_joints_are_hidden_and_their_labels_stay() -> None:
    plain = RecordedPeople([track(40)], COCO, MUCO, 1, labeled=True)
    hiding = RecordedPeople([track(40)], COCO, MUCO, 1, labeled=True, hidden_share=0.5)
    known = {}
    for name, of in (("plain", plain), ("hiding", hiding)):
        rng = np.random.default_rng(2)
        samples = [of.drawn(rng, None) for _ in range(200)]
        assert all(np.isfinite(sample.target_m).all() for sample in samples)
        known[name] = np.array([(sample.features[..., 2] > 0).sum() for sample in samples])
    assert (known["plain"] == known["plain"][0]).all()
    fewer = (known["hiding"] < known["plain"][0]).mean()
    assert 0.15 < fewer < 0.5  # of half of the samples, some of which lose none


def test_short_tracks_are_played_to_and_fro() -> None:
    short = track(3)
    short.joints_cam_m[:] = np.array([4.0, 5.0, 6.0])[:, None, None]
    short.joints_cam_m[:, MUCO.root] -= [0, 0, 1]
    sample = people(short, frames=6).drawn(np.random.default_rng(0), None)
    depth = np.linalg.norm(sample.target_m[:, 0], axis=-1)
    np.testing.assert_allclose(depth, 1, atol=1e-6)
    rows = people(short, frames=6)._rows(short, 0)
    assert rows.tolist() == [0, 1, 2, 1, 0, 1]
    assert people(track(1), frames=4)._rows(track(1), 0).tolist() == [0, 0, 0, 0]


def test_windows_without_a_label_serve_losses_without_one_only(tracks: list[Array]) -> None:
    unlabeled = track(5, labeled=False)
    with pytest.raises(InputError, match=r"recordings: expected people with 3D labels .*docs/improve.md"):
        people(unlabeled)
    sample = people(unlabeled, labeled=False).drawn(np.random.default_rng(0), weak_sample(tracks, 1))
    assert isinstance(sample, WeakLiftSample)
    assert sample.labeled == 0
    assert np.isnan(sample.target_m).all()
    assert np.isfinite(sample.root_m).all()


def test_a_share_of_the_samples_is_of_recordings(tracks: list[Array]) -> None:
    made = LiftSamples(tracks, COCO, MUCO, 1, 1)
    recorded = people(track(1))
    own = {round(float(abs(recorded.drawn(np.random.default_rng(i), None).target_m).sum()), 3) for i in range(9)}
    mixed = list(islice(MixedSamples(made, recorded, 0.25, 3), 800))
    count = sum(round(float(abs(sample.target_m).sum()), 3) in own for sample in mixed)
    assert 150 < count < 250
    alone = list(islice(MixedSamples(None, recorded, 0.25, 3), 20))
    assert all(round(float(abs(sample.target_m).sum()), 3) in own for sample in alone)


def test_a_recording_is_seen_by_the_chain_and_labeled_where_it_has_ground_truth(tmp_path: Path) -> None:
    bags = short_bag(tmp_path / "a.mcap"), short_bag(tmp_path / "b.mcap", 0.2, labeled=False)
    found = recorded_tracks(bags, "embedded", COCO, MUCO)
    labeled = [one for one in found if np.isfinite(one.joints_cam_m).all(axis=(1, 2)).all()]
    without = [one for one in found if np.isnan(one.joints_cam_m).all()]
    assert len(labeled) >= 2
    assert len(without) >= 1
    for one in labeled:
        for name in ("L_Hip", "R_Shoulder"):
            at = one.joints_cam_m[:, MUCO.index_of[name]]
            off = one.keypoints[:, COCO.index_of[name]] - at[:, :2] / at[:, 2:]
            assert np.nanmedian(np.abs(off)) < 0.05
