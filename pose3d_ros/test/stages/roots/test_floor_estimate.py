"""The floor from people: found within its own uncertainty, not from people who sit or are nowhere near one floor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.stages.roots.floor_estimate import FloorEstimate, body_axis, fitted_plane
from pose3d_ros.types import Array

from .conftest import CAMERA, person_at

SECOND_NS = 1_000_000_000


def walkers(people: int, seconds: int, height_m: float, pitch_deg: float, seed: int) -> tuple[Array, Array, Array]:
    """Points on the floor as sizes put them, axes of people who sway, and whose they are."""
    rng = np.random.default_rng(seed)
    pitch = np.deg2rad(pitch_deg)
    turn = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    owners = np.repeat(np.arange(people), seconds)
    level = np.stack(
        [rng.uniform(-2, 2, len(owners)), np.full(len(owners), height_m), rng.uniform(2.5, 9, len(owners))]
    )
    sizes = np.exp(rng.normal(0, 0.05, people)[owners] + rng.normal(0, 0.05, len(owners)))
    axes = np.stack([rng.normal(0, 0.08, len(owners)), np.full(len(owners), -1.0), rng.normal(0, 0.08, len(owners))])
    axes /= np.linalg.norm(axes, axis=0)
    return (turn @ level * sizes).T, (turn @ axes).T, owners


@pytest.mark.parametrize("seed", range(4))
def test_plane_is_found_within_its_uncertainty(seed: int) -> None:
    ground = fitted_plane(*walkers(4, 20, 1.4, 12.0, seed))
    assert ground is not None
    assert ground.origin == "people"
    assert abs(ground.height_m - 1.4) < 3 * ground.height_sigma_m
    up = np.array([0, -np.cos(np.deg2rad(12.0)), np.sin(np.deg2rad(12.0))])
    assert np.arccos(np.clip(ground.up_cam @ up, -1, 1)) < 3 * ground.tilt_sigma_rad
    assert ground.height_sigma_m < 0.1 * 1.4
    assert ground.tilt_sigma_rad < np.deg2rad(2.0)


def on_the_floor(height_m: float, pitch_deg: float, away_m: float) -> Array:
    """The point (1, 3) of the floor before a camera, so far away along it."""
    pitch = np.deg2rad(pitch_deg)
    cosine, sine = np.cos(pitch), np.sin(pitch)
    return np.array([[0.0, height_m * cosine + away_m * sine, away_m * cosine - height_m * sine]])


def test_people_who_seem_to_lean_do_not_tilt_the_floor() -> None:
    points, axes, owners = walkers(8, 40, 1.4, 12.0, 0)
    lean = np.deg2rad(5.0)
    turn = np.array([[1, 0, 0], [0, np.cos(lean), -np.sin(lean)], [0, np.sin(lean), np.cos(lean)]])
    ground = fitted_plane(points, axes @ turn.T, owners)
    assert ground is not None
    for away_m in (3.0, 5.0, 8.0):
        assert abs(np.log(ground.scale_onto(on_the_floor(1.4, 12.0, away_m)))) < 0.06


def test_errors_of_height_and_tilt_belong_together() -> None:
    ground = fitted_plane(*walkers(6, 30, 1.4, 12.0, 0))
    assert ground is not None
    apart = replace(ground, inverse_covariance=None)
    point = on_the_floor(1.4, 12.0, 6.0)
    assert ground.log_sigmas(point, 0.0)[1] < 0.8 * apart.log_sigmas(point, 0.0)[1]


def test_errors_are_as_large_as_the_plane_says() -> None:
    squares = []
    for seed in range(24):
        ground = fitted_plane(*walkers(4, 20, 1.4, 12.0, 100 + seed))
        assert ground is not None
        point = on_the_floor(1.4, 12.0, 6.0)
        squares.append((np.log(ground.scale_onto(point)) / ground.log_sigmas(point, 0.0)[1]) ** 2)
    assert 0.1 < np.mean(squares) < 1.5  # their sizes differ less than those of all people


def test_who_is_seen_for_a_moment_does_not_count() -> None:
    points, axes, owners = walkers(4, 20, 1.4, 12.0, 0)
    ground = fitted_plane(points, axes, owners)
    passing = 0.75 * points[:12]
    more = fitted_plane(
        np.concatenate([points, passing]),
        np.concatenate([axes, axes[:12]]),
        np.concatenate([owners, 10 + np.arange(12)]),
    )
    assert ground is not None
    assert more is not None
    assert more.people == 4
    assert more.height_m == pytest.approx(ground.height_m)


def test_floor_of_one_person_is_known_to_be() -> None:
    one, many = (fitted_plane(*walkers(people, 24, 1.4, 0.0, 3)) for people in (1, 5))
    assert one is not None
    assert many is not None
    assert (one.people, many.people) == (1, 5)


def test_a_few_wrong_feet_do_not_matter() -> None:
    points, axes, owners = walkers(4, 20, 1.4, 0.0, 1)
    points[::5] *= np.random.default_rng(0).uniform(0.3, 0.6, (16, 1))
    ground = fitted_plane(points, axes, owners)
    assert ground is not None
    assert ground.height_m == pytest.approx(1.4, rel=0.1)


def test_more_people_make_it_surer() -> None:
    one, many = (fitted_plane(*walkers(people, 24, 1.4, 0.0, 3)) for people in (1, 8))
    assert one is not None
    assert many is not None
    assert many.height_sigma_m < 0.6 * one.height_sigma_m


def test_points_that_are_on_no_floor_are_none() -> None:
    rng = np.random.default_rng(0)
    scattered = rng.uniform([-3, -3, 2], [3, 3, 9], (60, 3))
    assert fitted_plane(scattered, np.tile([0.0, -1.0, 0.0], (60, 1)), np.zeros(60)) is None


def test_people_walk_and_the_floor_appears() -> None:
    floor = FloorEstimate()
    for second in range(12):
        for person in range(4):
            floor.add(person, person_at(3.0 + 0.3 * second + person / 2), CAMERA, second * SECOND_NS)
        floor.update(second * SECOND_NS)
        assert (floor.plane is None) == (second < 3)
    assert floor.plane is not None
    assert floor.plane.height_m == pytest.approx(1.2, rel=0.02)
    floor.reset()
    assert floor.plane is None


def test_three_people_make_no_floor() -> None:
    floor = FloorEstimate()
    for second in range(20):
        for person in range(3):
            floor.add(person, person_at(3.0 + 0.2 * second + person), CAMERA, second * SECOND_NS)
        floor.update(second * SECOND_NS)
    assert floor.plane is None


def test_one_person_gives_two_points_a_second() -> None:
    floor = FloorEstimate()
    for frame in range(30):
        floor.add(1, person_at(4.0), CAMERA, frame * SECOND_NS // 30)
    floor.update(SECOND_NS)
    assert floor.plane is None  # two points


def test_axis_is_from_ankles_to_head() -> None:
    axis = body_axis(person_at(4.0))
    assert axis is not None
    np.testing.assert_allclose(axis, [0, -1, 0], atol=1e-6)


def test_people_who_sit_have_no_axis() -> None:
    pose = person_at(4.0)
    for name in ("L_Ankle", "R_Ankle"):
        pose.joints_cam_m[pose.skeleton.index_of[name]] += [0, -0.5, -0.6]
    assert body_axis(pose) is None
