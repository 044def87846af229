"""Landmark errors: regions, axes, and what is taken apart of them."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_ros.geometry.regions import Regions
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.synthetic.body_points import BODY_POINTS, LANDMARK_POINTS, LANDMARKS
from pose3d_training.tasks.landmark_errors import (
    LandmarkErrors,
    apply,
    fit_shares,
    landmark_axes,
    moved_regions,
    regions_of,
)
from pose3d_training.tasks.landmark_runs import LandmarkRuns, true_regions

from .landmark_people import AT, made_runs

READ = [AT[name] for name in LANDMARK_POINTS]


def test_axes_by_hand() -> None:
    points = np.zeros((31, 2))
    points[AT["Thorax"]] = 0.0, -0.5
    points[AT["L_Hip"]], points[AT["R_Hip"]] = (0.1, 0.0), (-0.1, 0.0)
    points[AT["L_Knee"]] = 0.1, 0.4
    axes = landmark_axes(points)
    np.testing.assert_allclose(
        axes[LANDMARKS.index("L_Hip"), :4], np.array([[0.0, -0.5], [0.2, 0.0], [0.0, 0.0], [0.0, 0.4]])
    )
    np.testing.assert_allclose(axes[LANDMARKS.index("R_Shoulder"), 1], [-0.2, 0])
    np.testing.assert_allclose(axes[LANDMARKS.index("Nose"), 1], 0)


def test_shares_of_landmarks_off_their_points_are_found() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(0, 0.3, (400, 31, 2))
    shares = np.zeros((19, 5))
    shares[LANDMARKS.index("L_Hip")] = shares[LANDMARKS.index("R_Hip")] = 0.03, -0.02, 0.0, 0.01, 0.0
    found = points[:, READ] + np.einsum("nlkc,lk->nlc", landmark_axes(points), shares)
    np.testing.assert_allclose(fit_shares(points, found, np.ones((400, 19))), shares, atol=2e-3)
    assert (fit_shares(points, found, np.zeros((400, 19))) == 0).all()  # hidden ones say nothing


def test_moves_of_regions_round_trip() -> None:
    runs = made_runs(20)
    errors = LandmarkErrors.of(runs)
    moved = moved_regions(regions_of(runs.true_region), errors.regions)
    found = regions_of(runs.region)
    np.testing.assert_allclose(moved.centers_px, found.centers_px, atol=1e-6)
    np.testing.assert_allclose(moved.sides_px, found.sides_px)
    np.testing.assert_allclose(np.cos(moved.angles_rad - found.angles_rad), 1, atol=1e-12)


def test_errors_are_what_the_points_and_shares_leave() -> None:
    runs = made_runs(30, off=0.02)
    errors = LandmarkErrors.of(runs)
    assert errors.errors.shape == (30, 19, 2)
    assert 0.005 < np.abs(errors.errors).mean() < 0.03
    np.testing.assert_allclose(errors.visibility, 0.95)
    exact = LandmarkErrors.of(made_runs(30, off=0.0))
    assert np.abs(exact.errors).max() < 1e-6


def test_people_the_net_does_not_know_are_left_out() -> None:
    runs = made_runs(10)
    runs.person[:4] = 0.1
    assert len(LandmarkErrors.of(runs).errors) == 6


def test_mirror_images_are_on_the_other_side() -> None:
    errors = LandmarkErrors.of(made_runs(8))
    both = errors.with_mirror_images()
    left, right = LANDMARKS.index("L_Knee"), LANDMARKS.index("R_Knee")
    np.testing.assert_array_equal(both.errors[8:, left], errors.errors[:, right] * [-1, 1])
    np.testing.assert_array_equal(both.poses[8:, right], errors.poses[:, left] * [-1, 1])
    np.testing.assert_array_equal(both.errors[:8], errors.errors)
    np.testing.assert_array_equal(both.regions[8:, [0, 3]], -errors.regions[:, [0, 3]])


def test_errors_come_from_people_in_a_pose_like_it() -> None:
    errors = LandmarkErrors.of(made_runs(40))
    found = np.stack([errors.alike(errors.poses[:5], np.random.default_rng(seed)) for seed in range(60)])
    for person in range(5):
        away = np.square(errors.poses - errors.poses[person]).sum(axis=(1, 2))
        assert set(found[:, person]) == set(np.argsort(away)[:4])  # a tenth of 40, itself among them


def test_people_taken_back_for_front_are_left_out() -> None:
    runs = made_runs(10)
    index = get_skeleton("mediapipe33").index_of
    sides = [index[f"{s}_{part}"] for part in ("Shoulder", "Hip") for s in "LR"]
    other = [index[f"{s}_{part}"] for part in ("Shoulder", "Hip") for s in "RL"]
    runs.landmarks_crop_px[:3, sides] = runs.landmarks_crop_px[:3, other]
    assert len(LandmarkErrors.of(runs).errors) == 7


def test_true_region_holds_the_person_upright() -> None:
    points = np.zeros((1, 31, 2))
    points[0, AT["L_Shoulder"]] = points[0, AT["R_Shoulder"]] = 60.0, 100.0  # lies, the head to the right
    points[0, AT["Head_top"]] = 80.0, 100.0
    points[0, AT["L_Hip"]] = points[0, AT["R_Hip"]] = 0.0, 100.0
    points[0, :, 1] = 100.0
    region = true_regions(points)
    np.testing.assert_allclose(region.centers_px, [[0, 100]])
    np.testing.assert_allclose(region.angles_rad, np.pi / 2)
    np.testing.assert_allclose(region.sides_px, 2.5 * 1.05 * 80)
    np.testing.assert_allclose(apply(region, points)[0, AT["Head_top"]], [0, -80 / 1.25 / 1.05 / 80], atol=1e-9)


def test_file_of_runs_round_trips(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "runs.npz"
    runs = made_runs(3)
    runs.save(path)
    again = LandmarkRuns.joined([LandmarkRuns.load(path), runs])
    assert len(again) == 6
    np.testing.assert_array_equal(again.landmarks_crop_px[:3], runs.landmarks_crop_px)
    assert len(BODY_POINTS) == again.points_cam_m.shape[1]
    assert isinstance(true_regions(np.random.default_rng(0).normal(size=(2, 31, 2))), Regions)
