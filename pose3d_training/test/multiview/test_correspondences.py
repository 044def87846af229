"""Joints that two views have of a person at the same time."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_training.multiview.correspondences import TOLERANCE, correspondences

from .walkers import track, views, walker


def test_pairs_are_those_of_both_views() -> None:
    first, second = (view.tracks[0] for view in views(walker(6)))
    second.keypoints[2, 4] = np.nan
    found = correspondences(first, second, 0.0)
    assert np.argwhere(~found.seen).tolist() == [[2, 4]]
    assert found.second == pytest.approx(second.keypoints[found.seen])


def test_images_with_few_joints_have_no_pairs() -> None:
    """They tell no size, so no tolerance, and one without a tolerance would leave RANSAC without any."""
    first, second = (view.tracks[0] for view in views(walker(6)))
    second.keypoints[1:, 3:] = np.nan
    found = correspondences(first, second, 0.0)
    assert found.seen.sum(axis=1).tolist() == [21, 0, 0, 0, 0, 0]
    assert np.isfinite(found.tolerance).all()


def test_tolerance_is_a_share_of_the_height() -> None:
    standing = np.array([[[0.0, 0.0], [0.0, 1.0], [0.0, 2.0], [0.0, 3.0], [0.0, 4.0]]])
    found = correspondences(track(standing), track(standing), 0.0)
    assert found.tolerance == pytest.approx(TOLERANCE * 4.0 * np.sqrt(2))
