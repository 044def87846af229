"""A track's filter, and what is remembered of each camera's distances."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.stages.multiview.body_fusion import fuse_body
from pose3d_ros.stages.multiview.camera_view import BodyRays, bodies_of
from pose3d_ros.stages.multiview.fused_track import FusedTrack, RangeErrors

from .conftest import MUCO, Eye, body

SECOND_NS = 1_000_000_000


def seen(eye: Eye, y_m: float = 0.0, number: int = 1) -> BodyRays:
    (found,) = bodies_of(eye.view(0.0, eye.person(number, body((0.0, y_m)))), MUCO)
    return found


def begun(bodies: list[BodyRays]) -> FusedTrack:
    fused = fuse_body(bodies)
    track = FusedTrack.begun(1, fused, np.zeros(3), 0, bodies[0].person)
    track.update(fused, len(bodies))
    return track


def test_velocity_is_learned_from_places(left: Eye, right: Eye) -> None:
    track = begun([seen(left), seen(right)])
    for at in range(1, 30):
        track.predict(at * SECOND_NS // 15)
        track.update(fuse_body([seen(left, at / 15), seen(right, at / 15)]), 2)
    np.testing.assert_allclose(track.mean[3:], (0.0, 1.0, 0.0), atol=0.12)


def test_who_is_not_seen_slows_down(left: Eye) -> None:
    track = begun([seen(left)])
    track.mean[3:] = (0.0, 1.0, 0.0)
    start_m = track.mean[1]
    track.predict(10 * SECOND_NS, is_seen=False)
    assert track.mean[1] - start_m == pytest.approx(0.6, abs=0.01)
    assert track.mean[4] < 0.01


def test_the_jump_when_a_second_camera_joins_is_no_motion(left: Eye, right: Eye) -> None:
    track = begun([seen(left)])
    track.predict(SECOND_NS // 15)
    track.update(fuse_body([seen(left), seen(right)]), 2)
    assert np.linalg.norm(track.mean[3:]) < 0.1


def test_who_is_far_from_where_they_are_expected_costs_much(left: Eye, right: Eye) -> None:
    track = begun([seen(left), seen(right)])
    near, far = (fuse_body([seen(left, y_m), seen(right, y_m)]) for y_m in (0.02, 1.0))
    assert track.cost(near.root_m, near.root_covariance_m2) < 3
    assert track.cost(far.root_m, far.root_covariance_m2) > 50


def test_errors_of_distances_are_remembered_for_their_camera_and_forgotten_after_a_while(left: Eye, right: Eye) -> None:
    errors, one = RangeErrors(), seen(left)
    assert errors.corrected(one) is one
    for at in range(30):
        errors.note(one, -0.3, at * SECOND_NS // 15)
    assert errors.corrected(one).ranges_m[-1] == pytest.approx(one.ranges_m[-1] - 0.3, abs=0.01)
    assert errors.corrected(one).range_sigma_m < one.range_sigma_m
    assert errors.corrected(seen(right)).ranges_m[-1] == pytest.approx(seen(right).ranges_m[-1], abs=0.05)
    errors.note(seen(right), 0.1, 60 * SECOND_NS)
    assert errors.corrected(one) is one
