"""Simulated people: exact where nothing errs, no feet where the image cuts them, verdicts as the rows say."""

from __future__ import annotations

import numpy as np
import pytest
from roots import FUSED, RANGES_M, Condition, cell_checks, frames_of, rows_of, solver_checks
from simulated_people import EXACT, MEASURED, SKELETON, Motion, seen, walks_before_camera

STANDING_M = {
    "Head_top": (0.0, 1.70), "Head": (0.0, 1.6), "Thorax": (0.0, 1.42), "Spine": (0.0, 1.15), "Pelvis": (0.0, 0.95),
    "Shoulder": (0.18, 1.40), "Elbow": (0.22, 1.12), "Wrist": (0.24, 0.86), "Hand": (0.24, 0.78),
    "Hip": (0.09, 0.92), "Knee": (0.09, 0.50), "Ankle": (0.09, 0.095), "Toe": (0.10, 0.04),
}  # fmt: skip


@pytest.fixture
def motion() -> Motion:
    """Someone who stands for two seconds and two thirds."""
    joints = []
    for name in SKELETON.joints:
        side = {"L_": 1.0, "R_": -1.0}.get(name[:2], 0.0)
        away_m, up_m = STANDING_M[name.removeprefix("L_").removeprefix("R_")]
        joints.append((side * away_m, up_m, 0.1 if name.endswith("Toe") else 0.0))
    return Motion(np.tile(joints, (8, 1, 1)), 1.7, is_child=False)


def test_solvers_agree_on_exact_joints() -> None:
    assert [verdict.split(",")[0] for verdict in solver_checks(0).values()] == ["pass", "pass"]


def test_exact_people_are_where_they_are(motion: Motion) -> None:
    frames = frames_of(Condition(EXACT), [motion] * 2, [], np.random.default_rng(0))[3.0, 5.0]
    errors = {row["solver"]: float(str(row["mean error %"])) for row in rows_of("exact", "3-5 m", frames)}
    assert len(frames) == 16
    assert errors["similarity"] < 0.01
    assert errors["search"] < 0.01
    assert errors["ground"] < 0.5
    assert errors["depth"] < 3.0
    assert errors[FUSED] < 0.5


def test_feet_that_the_image_cuts_give_no_floor(motion: Motion) -> None:
    frames = frames_of(Condition(EXACT, cut=True), [motion], [], np.random.default_rng(0))[3.0, 5.0]
    assert frames
    assert all("ground" not in frame.said for frame in frames)


def test_wrong_focal_length_brings_people_nearer_or_farther(motion: Motion) -> None:
    frames = frames_of(Condition(EXACT, focal=1.1), [motion], [], np.random.default_rng(0))[3.0, 5.0]
    assert np.mean([frame.said["similarity"][0] for frame in frames]) == pytest.approx(np.log(1.1), abs=0.01)
    assert frames[0].said["learned"][0] == pytest.approx(np.log(1.1))


def test_walk_is_in_its_range_and_on_the_floor(motion: Motion) -> None:
    (walk,) = walks_before_camera([motion], [(5.0, 7.0)], np.random.default_rng(0))
    assert (walk.distances_m > 3.5).all()
    assert (walk.distances_m < 8.5).all()
    ankles = [SKELETON.index_of[name] for name in ("L_Ankle", "R_Ankle")]
    np.testing.assert_allclose(walk.ground.heights_m(walk.joints_cam_m[:, ankles]), 0.095, atol=1e-9)


def test_measured_noise_is_as_large_as_it_says(motion: Motion) -> None:
    rng = np.random.default_rng(0)
    walks = [walks_before_camera([motion], [(5.0, 7.0)], rng)[0] for _ in range(150)]
    logs = np.array([np.log(seen(walk, MEASURED, rng).learned_m / walk.distances_m) for walk in walks])
    tall = np.log(1.7 / 1.65)
    assert np.sqrt(((logs + tall) ** 2).mean()) == pytest.approx(np.hypot(MEASURED.shared, MEASURED.learned), rel=0.2)
    assert logs.std(axis=1).mean() == pytest.approx(MEASURED.learned, rel=0.1)  # its own changes from frame to frame


def test_one_camera_and_floor_are_of_all_people_in_a_scene(motion: Motion) -> None:
    walks = walks_before_camera([motion] * 5, RANGES_M, np.random.default_rng(0))
    assert len({(walk.ground.height_m, *walk.ground.up_cam) for walk in walks}) == 1
    assert (np.diff([walk.distances_m.mean() for walk in walks]) > 0).all()


def test_child_of_a_scene_is_judged_alone(motion: Motion) -> None:
    frames = frames_of(Condition(EXACT, children=True), [motion] * 2, [motion] * 2, np.random.default_rng(0))
    assert [len(own) for own in frames.values()] == [8, 8, 0, 0, 0]


def test_verdicts_name_the_cells_that_fail() -> None:
    row = {
        "condition": "noise",
        "distance": "1-2 m",
        "solver": "ground",
        "mean error %": 2.0,
        "median error %": 2.0,
        "fused there %": 2.05,
        "NEES": 1.0,
    }
    child = {**row, "condition": "children", "solver": FUSED, "median error %": 4.0}
    assert [verdict.split(",")[0] for verdict in cell_checks([row, child]).values()] == ["pass"] * 3
    bad = {**row, "fused there %": 2.2, "NEES": 1.5}
    slow = {**child, "median error %": 6.0}
    verdicts = list(cell_checks([bad, slow]).values())
    assert [verdict.split(",")[0] for verdict in verdicts] == ["fail"] * 3
    assert "noise, 1-2 m, ground" in verdicts[0]
