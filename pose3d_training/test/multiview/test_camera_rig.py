"""Cameras, clocks and people of several views."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.types import Array
from pose3d_training.multiview.camera_rig import find_rig
from pose3d_training.multiview.view_tracks import ViewPeople, ViewTrack, person_sizes

from .walkers import SKELETON, TWO, errors_deg, keypoints, track, walker

TRUE = TWO[1].after(TWO[0].inverse())
WRISTS = [SKELETON.index_of["L_Wrist"], SKELETON.index_of["R_Wrist"]]


def _seen(world: Array, view: int, shares: Array) -> ViewTrack:
    """2D joints off by these shares (J,) of the height."""
    exact = keypoints(world, TWO[view])
    noise = np.random.default_rng(view).normal(size=exact.shape)
    return track(exact + person_sizes(exact)[:, None, None] * shares[:, None] * noise)


def test_says_how_far_off_2d_joints_are() -> None:
    shares = np.full(len(SKELETON), 0.006)
    shares[WRISTS] = 0.02
    world = walker(150)
    found = find_rig([ViewPeople(str(v), (_seen(world, v, shares),)) for v in range(2)], SKELETON, reach_s=0.0)
    assert found.joint_sigmas == pytest.approx(shares, rel=0.3)
    assert max(errors_deg(found.cameras[1], TRUE)) < 0.5


def test_people_who_are_cut_off_for_a_while_are_no_reason_to_refuse() -> None:
    """In six of ten images the second view has three joints, which tell no size."""
    world = walker(150)
    tracks = [_seen(world, view, np.full(len(SKELETON), 0.004)) for view in range(2)]
    tracks[1].keypoints[:90, 3:] = np.nan
    found = find_rig([ViewPeople(str(v), (one,)) for v, one in enumerate(tracks)], SKELETON, reach_s=0.0)
    assert max(errors_deg(found.cameras[1], TRUE)) < 0.5
