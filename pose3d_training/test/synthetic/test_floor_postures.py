"""Postures on the floor: how high and where their joints are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_ros.types import Array
from pose3d_training.synthetic import floor_postures as floor
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.figure import Figure, make_figure
from pose3d_training.synthetic.motion import BONES
from pose3d_training.synthetic.pose_sampling import to_global
from pose3d_training.synthetic.postures import Posture

SEEDS = range(8)


@pytest.fixture(scope="module")
def figure(assets: Path) -> Figure:
    return make_figure(assets, 12)


def joints(figure: Figure, posture: Posture, seed: int) -> dict[str, Array]:
    """Joints in statures over the floor."""
    local = np.tile(np.eye(3), (len(BONES), 1, 1))
    posture(local, np.random.default_rng(seed))
    posed = figure.pose(to_global(figure, local), 0.0, 0.0, 0.0, 0.0)
    return dict(zip(SYNTH_JOINTS, posed.joints_m / figure.height_m, strict=True))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("posture", [floor.sit_cross_legged, floor.sit_sideways, floor.sit_with_long_legs])
def test_who_sits_on_the_floor_has_the_pelvis_there_and_the_head_up(
    figure: Figure, posture: Posture, seed: int
) -> None:
    at = joints(figure, posture, seed)
    assert at["Pelvis"][1] < 0.2
    assert at["Head"][1] - at["Pelvis"][1] > 0.2
    assert max(at["L_Ankle"][1], at["R_Ankle"][1]) < 0.25


@pytest.mark.parametrize("seed", SEEDS)
def test_crossed_shins_pass_each_other(figure: Figure, seed: int) -> None:
    at = joints(figure, floor.sit_cross_legged, seed)
    side = at["L_Hip"] - at["R_Hip"]
    side /= np.linalg.norm(side)
    assert (at["L_Knee"] - at["R_Knee"]) @ side > 0.2  # knees apart
    assert (at["L_Ankle"] - at["R_Ankle"]) @ side < 0.05  # ankles crossed


@pytest.mark.parametrize("seed", SEEDS)
def test_heels_are_below_the_pelvis_of_who_sits_on_them(figure: Figure, seed: int) -> None:
    at = joints(figure, floor.sit_on_heels, seed)
    ankles, knees = ((at[f"L_{n}"] + at[f"R_{n}"]) / 2 for n in ("Ankle", "Knee"))
    assert np.linalg.norm((at["Pelvis"] - ankles)[[0, 2]]) < 0.15
    assert knees[1] < 0.2
    assert at["Pelvis"][1] < 0.35


@pytest.mark.parametrize("seed", SEEDS)
def test_squat_is_low_over_the_feet(figure: Figure, seed: int) -> None:
    at = joints(figure, floor.squat, seed)
    assert at["Pelvis"][1] < 0.4
    assert min(at["L_Knee"][1], at["R_Knee"][1]) > at["L_Ankle"][1]


@pytest.mark.parametrize("seed", SEEDS)
def test_trunk_on_all_fours_is_level(figure: Figure, seed: int) -> None:
    at = joints(figure, floor.go_on_all_fours, seed)
    trunk = at["Thorax"] - at["Pelvis"]
    assert abs(trunk[1]) < 0.75 * np.linalg.norm(trunk)
    assert max(at["L_Knee"][1], at["R_Knee"][1]) < at["Pelvis"][1]


def test_lying_people_turn_every_way(figure: Figure) -> None:
    facing = []
    for seed in range(40):
        at = joints(figure, floor.lie_turned, seed)
        assert abs(at["Head"][1] - at["Pelvis"][1]) < 0.25
        across, up = at["L_Hip"] - at["R_Hip"], at["Thorax"] - at["Pelvis"]
        normal = np.cross(across, up)
        facing.append(normal[1] / np.linalg.norm(normal))
    assert sum(f > 0.8 for f in facing) >= 5  # on the back
    assert sum(f < -0.8 for f in facing) >= 3
    assert sum(abs(f) < 0.5 for f in facing) >= 5  # on a side
