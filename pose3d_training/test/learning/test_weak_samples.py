"""Samples without 3D labels, from made-up tracks."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.learning.weak_samples import WeakLiftSample, WeakLiftSamples
from pose3d_training.tasks.lifting_samples import LiftSamples

pytest.importorskip("moderngl")

COCO, MUCO = get_skeleton("coco17"), get_skeleton("muco21")


def samples(tracks: list[Array], count: int, share: float = 1.0, noisy: bool = True) -> list[WeakLiftSample]:
    return list(islice(iter(WeakLiftSamples(tracks, COCO, MUCO, 6, 1, noisy, share)), count))


def test_people_are_those_of_full_supervision(tracks: list[Array]) -> None:
    full = list(islice(LiftSamples(tracks, COCO, MUCO, 6, 1), 70))
    for one, weak in zip(full, samples(tracks, 70, 0.5), strict=True):
        np.testing.assert_array_equal(one.features, weak.features)
        np.testing.assert_array_equal(one.target_m, weak.target_m)


def test_the_same_share_of_motions_is_labeled_always(tracks: list[Array]) -> None:
    assert all(sample.labeled == 1 for sample in samples(tracks, 20))
    half = WeakLiftSamples(tracks * 5, COCO, MUCO, 6, 1, True, 0.5)
    assert half.labeled.sum() == 5
    np.testing.assert_array_equal(half.labeled, WeakLiftSamples(tracks * 5, COCO, MUCO, 6, 9, True, 0.5).labeled)
    assert {float(sample.labeled) for sample in islice(iter(half), 64)} == {0.0, 1.0}


def test_joints_before_the_camera_project_to_the_keypoints(tracks: list[Array]) -> None:
    for sample in samples(tracks, 10, noisy=False):
        joints = sample.target_m + sample.root_m[:, None]
        seen = [(COCO.index_of[n], MUCO.index_of[n]) for n in COCO.joints if n in MUCO.index_of]
        keypoints = sample.features[..., :2] * sample.spread[:, None, None] + sample.center[:, None]
        for a, b in seen:
            np.testing.assert_allclose(keypoints[:, a], joints[:, b, :2] / joints[:, b, 2:], atol=1e-4)


def test_poses_without_an_image_are_of_labeled_tracks(tracks: list[Array]) -> None:
    other = [track[1:] * [1.0, 3.0, 1.0] for track in tracks]
    weak = WeakLiftSamples([*tracks, *other], COCO, MUCO, 6, 1, True, 0.01)
    (labeled,) = np.flatnonzero(weak.labeled)
    sizes = [np.ptp(s.prior_m[0], axis=0).max() for s in islice(iter(weak), 64)]
    all_of_one = max(sizes) < 3 if labeled < 2 else min(sizes) > 3
    assert all_of_one
    assert all(np.abs(s.prior_m[:, MUCO.root]).max() == 0 for s in islice(iter(weak), 4))
