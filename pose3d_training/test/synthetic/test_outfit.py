"""Cut, widened and added clothes, and postures, on the CC0 bodies (skipped without them)."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("moderngl")

from pose3d_training.synthetic import postures
from pose3d_training.synthetic.body_joints import SYNTH_JOINTS
from pose3d_training.synthetic.figure import Figure, Material, dress, make_figure
from pose3d_training.synthetic.motion import BONES
from pose3d_training.synthetic.pose_sampling import to_global

ASSETS = Path(os.environ.get("POSE3D_ASSETS", "/nonexistent"))
pytestmark = pytest.mark.skipif(not (ASSETS / "makehuman").is_dir(), reason="POSE3D_ASSETS names no folder of assets")


@pytest.fixture(scope="module")
def figure() -> Figure:
    made = make_figure(ASSETS, 12)
    plain = replace(made.outfit, sleeves="long", legs="long", loose_m=0.0, skirt=0.0, carried="", hat="")
    return dress(ASSETS, made.shape, plain, 12)


def worn(figure: Figure, **changes: object) -> Figure:
    return dress(ASSETS, figure.shape, replace(figure.outfit, **changes), 12)  # type: ignore[arg-type]


def reach_m(figure: Figure, *materials: Material) -> float:
    """How far from the middle plane the material goes."""
    return float(np.abs(figure.rest_m[np.isin(figure.material, materials), 0]).max())


def lowest_m(figure: Figure, material: Material) -> float:
    return float(figure.rest_m[figure.material == material, 1].min())


def test_short_sleeves_end_near_the_elbow_and_bare_the_arm(figure: Figure) -> None:
    short = worn(figure, sleeves="short")
    elbow = abs(figure.heads_m[BONES.index("LeftForeArm"), 0])
    assert reach_m(figure, Material.UPPER) > elbow + 0.1
    assert reach_m(short, Material.UPPER) == pytest.approx(elbow, abs=0.06)
    assert (short.material == Material.SKIN).sum() > (figure.material == Material.SKIN).sum()


def test_sleeveless_is_shorter_still(figure: Figure) -> None:
    assert reach_m(worn(figure, sleeves="none"), Material.UPPER) < reach_m(
        worn(figure, sleeves="short"), Material.UPPER
    )


def test_shorts_end_near_the_knee(figure: Figure) -> None:
    knee = figure.heads_m[BONES.index("LeftLeg"), 1]
    assert lowest_m(figure, Material.LOWER) < knee - 0.2
    assert lowest_m(worn(figure, legs="short"), Material.LOWER) == pytest.approx(knee, abs=0.09)


def test_a_skirt_of_full_length_reaches_the_ankles_and_goes_round_the_legs(figure: Figure) -> None:
    skirt = worn(figure, skirt=1.0)
    new = skirt.rest_m[skirt.material == Material.LOWER]
    ankle = figure.heads_m[BONES.index("LeftFoot"), 1]
    ring = new[np.abs(new[:, 1] - ankle) < 0.01]
    assert len(ring) > 20
    legs = figure.body_m[:13380][np.abs(figure.body_m[:13380, 1] - ankle - 0.05) < 0.02]
    assert ring[:, 0].min() < legs[:, 0].min() + 0.03
    assert ring[:, 0].max() > legs[:, 0].max() - 0.03


def test_a_loose_suit_stands_off_by_that_much(figure: Figure) -> None:
    loose = worn(figure, loose_m=0.03)
    wide = np.ptp(loose.rest_m[loose.material == Material.UPPER, 2]) - np.ptp(
        figure.rest_m[figure.material == Material.UPPER, 2]
    )
    assert wide == pytest.approx(0.06, abs=0.015)


@pytest.mark.parametrize("thing", ["backpack", "bag", "box", "ball", "helmet"])
def test_carried_things_move_with_one_bone(figure: Figure, thing: str) -> None:
    made = worn(figure, carried=thing)
    weights = made.weights[made.material == Material.THING].toarray()
    assert len(weights) > 7
    assert (weights.max(axis=1) == 1).all()
    assert len(np.unique(weights.argmax(axis=1))) == 1


def test_a_backpack_is_behind_the_back(figure: Figure) -> None:
    made = worn(figure, carried="backpack")
    body = made.rest_m[made.material != Material.THING]
    assert made.rest_m[made.material == Material.THING, 2].max() < body[:, 2].mean()


@pytest.mark.parametrize("seed", range(4))
def test_postures_are_what_they_are_called(figure: Figure, seed: int) -> None:
    def joints(posture: postures.Posture) -> dict[str, npt.NDArray[Any]]:
        local = np.tile(np.eye(3), (len(BONES), 1, 1))
        posture(local, np.random.default_rng(seed))
        posed = figure.pose(to_global(figure, local), 0.0, 0.0, 0.0, 0.0)
        return dict(zip(SYNTH_JOINTS, posed.joints_m, strict=True))

    upright = joints(postures.stand)
    stature = figure.height_m
    assert upright["Head_top"][1] > 0.9 * stature
    assert joints(postures.lie)["Head_top"][1] < 0.5 * stature
    assert joints(postures.sit)["Pelvis"][1] < 0.92 * upright["Pelvis"][1]
    assert joints(postures.crouch)["Pelvis"][1] < 0.9 * upright["Pelvis"][1]
    knelt = joints(postures.kneel)
    assert min(knelt["L_Knee"][1], knelt["R_Knee"][1]) < 0.2 * stature
    assert knelt["Head"][1] > knelt["Pelvis"][1]
    bent = joints(postures.bend)
    assert bent["Thorax"][1] - bent["Pelvis"][1] < upright["Thorax"][1] - upright["Pelvis"][1]


@pytest.mark.parametrize("seed", range(12))
def test_who_crouches_leans_forward_whichever_way_they_face(seed: int) -> None:
    local = np.tile(np.eye(3), (len(BONES), 1, 1))
    postures.crouch(local, np.random.default_rng(seed))
    up_in_pelvis = local[BONES.index("Hips")].T @ np.array([0.0, 1.0, 0.0])
    assert up_in_pelvis[2] <= 0.02  # the world's up is behind the leaning pelvis's own


def test_a_seated_persons_knees_are_spread() -> None:
    azimuths = []
    for seed in range(200):
        local = np.tile(np.eye(3), (len(BONES), 1, 1))
        postures.sit(local, np.random.default_rng(seed))
        thigh = local[BONES.index("LeftUpLeg")] @ np.array([0.0, -1.0, 0.0])
        azimuths.append(np.arctan2(thigh[0], thigh[2]))
    assert np.std(azimuths) > 0.08


def test_a_skirt_does_not_lift_who_kneels_in_it(figure: Figure) -> None:
    local = np.tile(np.eye(3), (len(BONES), 1, 1))
    postures.kneel(local, np.random.default_rng(1))
    plain, skirt = (f.pose(to_global(f, local), 0.0, 0.0, 0.0, 0.0) for f in (figure, worn(figure, skirt=0.9)))
    np.testing.assert_allclose(skirt.joints_m, plain.joints_m, atol=1e-5)
