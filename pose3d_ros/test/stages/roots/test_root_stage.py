"""Where people stand, over time: floor, depth, sizes that are learned and kept, and each solver by its name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.config.root_settings import RootConfig, SceneConfig
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import STILL, DepthImage, Frame, Pose
from pose3d_ros.stages.roots.root_stage import RootStage

from .conftest import CAMERA, person_at

IMAGE = np.zeros((480, 640, 3), dtype=np.uint8)
GROUND = GroundPlane.of_mounting(1.2)
TRUE_M = float(np.linalg.norm(person_at(4.0).root_cam_m))
FRAME_NS = 100_000_000
LATER_NS = 60 * FRAME_NS
"""More than a second after the last frame of those before, so that where someone was says nothing."""


def stage(solvers: str = "all", **scene: float) -> RootStage:
    return RootStage(RootConfig(solvers=solvers), SceneConfig(**scene))  # type: ignore[arg-type]


def frame(stamp_ns: int = 0, ground: GroundPlane | None = None, depth: DepthImage | None = None) -> Frame:
    return Frame(IMAGE, CAMERA, stamp_ns, ground=ground, depth=depth)


def followed(roots: RootStage, one: Frame, pose: Pose) -> Pose:
    (placed,) = roots.placed(one, (pose,))
    return roots.known_as(1, placed, one.stamp_ns)


def distance_m(pose: Pose) -> float:
    return float(np.linalg.norm(pose.root_cam_m))


def without_feet(pose: Pose) -> Pose:
    scores = pose.scores.copy()
    scores[[i for i, name in enumerate(pose.skeleton.joints) if name[2:] in ("Ankle", "Toe")]] = 0.1
    return replace(pose, scores=scores)


def test_single_frame_that_is_far_off_hardly_moves_a_person() -> None:
    roots = stage()
    for i in range(20):
        followed(roots, frame(i * FRAME_NS), person_at(4.0))
    found = followed(roots, frame(20 * FRAME_NS), person_at(2.8))
    assert distance_m(found) > 0.85 * TRUE_M


def test_floor_that_is_tilted_loses_its_weight_to_several_people() -> None:
    # It is said to look 3 degrees further down than it does, so that people far away are put much too near.
    tilted = GroundPlane.of_mounting(1.2, -3.0)
    alone, several = stage(), stage()
    for i in range(15):
        one = frame(i * FRAME_NS, tilted)
        for person, away_m in enumerate((3.0, 4.5, 6.0, 7.0, 9.0)):
            (placed,) = several.placed(one, (person_at(away_m),))
            last = several.known_as(person, placed, one.stamp_ns)
        only = followed(alone, one, person_at(9.0))
    true_m = float(np.linalg.norm(person_at(9.0).root_cam_m))
    assert distance_m(only) < 0.85 * true_m
    assert distance_m(last) == pytest.approx(true_m, rel=0.08)


def test_person_of_whom_nothing_is_known_stays_where_the_net_put_them() -> None:
    pose = person_at(4.0, seen_at=1.1)
    found = followed(stage(), frame(), pose)
    np.testing.assert_allclose(found.root_cam_m, pose.root_cam_m)
    np.testing.assert_allclose(found.joints_cam_m, pose.joints_cam_m)


def test_floor_brings_a_tall_person_to_their_distance_and_size() -> None:
    roots = stage()
    for i in range(30):
        found = followed(roots, frame(i * FRAME_NS, GROUND), person_at(4.0, seen_at=0.93))
    assert distance_m(found) == pytest.approx(TRUE_M, rel=0.02)
    head = found.skeleton.index_of["Head_top"]
    true = person_at(4.0)
    size = np.linalg.norm((found.joints_cam_m - found.root_cam_m)[head]) / np.linalg.norm(
        (true.joints_cam_m - true.root_cam_m)[head]
    )
    assert size == pytest.approx(1.0, abs=0.02)


def test_child_is_within_five_percent_after_two_seconds_on_the_floor() -> None:
    roots = stage()
    for i in range(20):
        found = followed(roots, frame(i * FRAME_NS, GROUND), person_at(4.0, seen_at=1.5))
    assert distance_m(found) == pytest.approx(TRUE_M, rel=0.05)


def test_size_that_was_learned_places_people_whose_feet_are_hidden() -> None:
    roots = stage()
    for i in range(40):
        followed(roots, frame(i * FRAME_NS, GROUND), person_at(3.2, seen_at=1.5))
    hidden = without_feet(person_at(4.0, seen_at=1.5))
    assert distance_m(followed(roots, frame(LATER_NS, GROUND), hidden)) == pytest.approx(TRUE_M, rel=0.06)
    assert distance_m(roots.known_as(2, hidden, 41 * FRAME_NS)) == pytest.approx(1.5 * TRUE_M)  # somebody else
    roots.keep({2})
    assert distance_m(roots.known_as(1, hidden, 42 * FRAME_NS)) == pytest.approx(1.5 * TRUE_M)


def test_stature_is_not_learned_unless_asked_for() -> None:
    roots = stage("similarity, ground")
    for i in range(40):
        followed(roots, frame(i * FRAME_NS, GROUND), person_at(3.2, seen_at=1.5))
    hidden = without_feet(person_at(4.0, seen_at=1.5))
    assert distance_m(followed(roots, frame(LATER_NS, GROUND), hidden)) == pytest.approx(1.5 * TRUE_M)


def test_jump_moves_nobody_far() -> None:
    roots = stage()
    for i in range(20):
        followed(roots, frame(i * FRAME_NS, GROUND), person_at(4.0))
    found = followed(roots, frame(20 * FRAME_NS, GROUND), person_at(4.0, lifted_m=0.4))
    assert distance_m(found) == pytest.approx(TRUE_M, rel=0.05)


def test_known_height_gives_the_distance() -> None:
    pose = person_at(4.0, seen_at=0.8)
    found = followed(stage(known_height_m=1.70), frame(), pose)
    assert distance_m(found) == pytest.approx(TRUE_M, rel=0.03)


def test_known_height_serves_single_images_too() -> None:
    found = followed(stage(known_height_m=1.70), frame(STILL), person_at(4.0, seen_at=0.8))
    assert distance_m(found) == pytest.approx(TRUE_M, rel=0.03)


def test_heights_are_known_by_id() -> None:
    roots = RootStage(RootConfig(), SceneConfig(known_heights="p3f7a_1: 1.70"))
    pose = person_at(4.0, seen_at=0.8)
    (placed,) = roots.placed(frame(), (pose,))
    assert distance_m(roots.known_as(1, placed, 0)) == pytest.approx(TRUE_M, rel=0.03)
    assert distance_m(roots.known_as(2, placed, 0)) == pytest.approx(0.8 * TRUE_M)


def test_floor_of_the_parameters_serves_where_the_frame_has_none() -> None:
    by_parameters = followed(stage(camera_height_m=1.2), frame(), person_at(4.0, seen_at=0.9))
    by_frame = followed(stage(), frame(0, GROUND), person_at(4.0, seen_at=0.9))
    np.testing.assert_allclose(by_parameters.root_cam_m, by_frame.root_cam_m)


def test_depth_is_believed_most() -> None:
    depth = DepthImage(np.full((480, 640), 4.0, dtype=np.float32), CAMERA)
    found = followed(stage(), frame(0, GROUND, depth), person_at(4.0, seen_at=1.3))
    assert distance_m(found) == pytest.approx(TRUE_M, rel=0.03)
    assert {r.solver for r in found.readings} == {"similarity", "ground", "depth"}


def test_uncertainty_falls_with_every_solver() -> None:
    depth = DepthImage(np.full((480, 640), 4.0, dtype=np.float32), CAMERA)
    frames = (frame(), frame(0, GROUND), frame(0, GROUND, depth))
    sigmas = [followed(stage(), one, person_at(4.0)).root_sigma_m for one in frames]
    assert sigmas == sorted(sigmas, reverse=True)


def test_single_images_are_independent() -> None:
    roots = stage()
    for _ in range(20):
        found = followed(roots, frame(STILL, GROUND), person_at(4.0, seen_at=1.5))
    once = followed(stage(), frame(STILL, GROUND), person_at(4.0, seen_at=1.5))
    np.testing.assert_allclose(found.root_cam_m, once.root_cam_m)


def test_floor_that_people_walk_on_serves_where_none_is_given() -> None:
    roots = stage()
    for i in range(100):
        for person, seen_at in ((1, 0.97), (2, 1.03), (3, 0.99), (4, 1.01)):
            (placed,) = roots.placed(frame(i * FRAME_NS), (person_at(3.0 + 0.03 * i, seen_at=seen_at),))
            roots.known_as(person, placed, i * FRAME_NS)
    (placed,) = roots.placed(frame(101 * FRAME_NS), (person_at(4.0, seen_at=1.15),))
    assert "ground" in {r.solver for r in placed.readings}
    assert distance_m(placed) < 1.12 * TRUE_M
    roots.reset()
    (placed,) = roots.placed(frame(102 * FRAME_NS), (person_at(4.0, seen_at=1.15),))
    assert distance_m(placed) == pytest.approx(1.15 * TRUE_M)
