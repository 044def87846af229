"""Tracks of 2D joints."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_training.multiview.view_tracks import ViewTrack, person_sizes


def _track(times_s: list[float], values: list[float]) -> ViewTrack:
    keypoints = np.array(values)[:, None, None] * np.ones((1, 1, 2))
    return ViewTrack(1, np.array(times_s), keypoints, np.ones((len(values), 1)))


def test_between_images_linear() -> None:
    found = _track([0.0, 0.1, 0.2], [0.0, 1.0, 4.0]).at(np.array([0.05, 0.1, 0.175]))
    assert found[:, 0, 0] == pytest.approx([0.5, 1.0, 3.25])


def test_nothing_outside_and_in_gaps() -> None:
    found = _track([0.0, 0.1, 0.5], [0.0, 1.0, 2.0]).at(np.array([-0.01, 0.3, 0.5, 0.51]))
    assert np.isnan(found[[0, 1, 3]]).all()
    assert found[2, 0, 0] == 2.0


def test_a_lost_joint_leaves_its_neighbors() -> None:
    found = _track([0.0, 0.1, 0.2], [1.0, np.nan, 3.0]).at(np.array([0.0, 0.05, 0.2]))
    assert found[:, 0, 0] == pytest.approx([1.0, np.nan, 3.0], nan_ok=True)


def test_one_image() -> None:
    found = _track([0.4], [2.0]).at(np.array([0.4, 0.5]))
    assert found[:, 0, 0] == pytest.approx([2.0, np.nan], nan_ok=True)


def test_low_scores_are_left_out() -> None:
    track = ViewTrack(1, np.zeros(1), np.ones((1, 2, 2)), np.array([[0.2, 0.9]]))
    assert np.isnan(track.trusted(0.3).keypoints[0]).all(axis=-1).tolist() == [True, False]


def test_size_without_keypoints_is_unknown() -> None:
    assert np.isnan(person_sizes(np.full((3, 4, 2), np.nan))).all()
    assert np.isnan(person_sizes(np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]])))
    five = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 2.0], [0.0, 3.0], [0.0, 4.0]])
    assert person_sizes(five) == pytest.approx(4.0)


def test_keypoints_that_jump_are_left_out() -> None:
    """Ten joints that move by 0.01 an image; the height is 4 times the median of 0.25, so 0.02 of it is 0.02."""
    lines = np.linspace(-0.5, 0.5, 10)[:, None] * [0.0, 1.0]
    keypoints = lines + 0.01 * np.arange(20)[:, None, None] * [1.0, 0.0]
    keypoints[7, 3, 1] += 0.3
    keypoints[12, 5, 0] += 0.015
    found = ViewTrack(1, np.arange(20) / 30, keypoints, np.ones((20, 10))).without_jumps().keypoints
    assert np.argwhere(np.isnan(found).any(axis=-1)).tolist() == [[7, 3]]
    assert found[12, 5, 0] == pytest.approx(0.135)


def test_images_that_are_far_apart_do_not_tell_jumps() -> None:
    keypoints = np.zeros((8, 5, 2)) + np.arange(5)[:, None]
    keypoints[4, 2] = 9.0
    found = ViewTrack(1, np.arange(8) / 2, keypoints, np.ones((8, 5))).without_jumps()
    assert np.isfinite(found.keypoints).all()
