"""Postures made from joint angles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("moderngl")

from pose3d_training.synthetic import postures
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.figure import Figure, dress, make_figure
from pose3d_training.synthetic.motion import BONES
from pose3d_training.synthetic.pose_sampling import to_global


@pytest.fixture(scope="module")
def figure(assets: Path) -> Figure:
    made = make_figure(assets, 12)
    plain = replace(made.outfit, sleeves="long", legs="long", loose_m=0.0, skirt=0.0, carried="", hat="")
    return dress(assets, made.shape, plain, 12)


@pytest.mark.parametrize("seed", range(4))
def test_heights_of_postures(figure: Figure, seed: int) -> None:
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
def test_crouching_leans_forward_for_every_heading(seed: int) -> None:
    local = np.tile(np.eye(3), (len(BONES), 1, 1))
    postures.crouch(local, np.random.default_rng(seed))
    up_in_pelvis = local[BONES.index("Hips")].T @ np.array([0.0, 1.0, 0.0])
    assert up_in_pelvis[2] <= 0.02  # the world's up is behind the leaning pelvis's own


def test_knees_of_seated_people_vary_in_azimuth() -> None:
    azimuths = []
    for seed in range(200):
        local = np.tile(np.eye(3), (len(BONES), 1, 1))
        postures.sit(local, np.random.default_rng(seed))
        thigh = local[BONES.index("LeftUpLeg")] @ np.array([0.0, -1.0, 0.0])
        azimuths.append(np.arctan2(thigh[0], thigh[2]))
    assert np.std(azimuths) > 0.08
