"""What arms do: where the wrists end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_ros.types import Array
from pose3d_training.synthetic import arm_postures as arms
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.figure import Figure, make_figure
from pose3d_training.synthetic.limb_aiming import Reach
from pose3d_training.synthetic.motion import BONES
from pose3d_training.synthetic.pose_sampling import to_global


@pytest.fixture(scope="module")
def figure(assets: Path) -> Figure:
    return make_figure(assets, 12)


def joints(figure: Figure, posture: arms.ArmPosture, seed: int) -> dict[str, Array]:
    local = np.tile(np.eye(3), (len(BONES), 1, 1))
    reach, rng = Reach.of(figure, local), np.random.default_rng(seed)
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        posture(reach, side, sign, rng)
    posed = figure.pose(to_global(figure, local), 0.0, 0.0, 0.0, 0.0)
    return dict(zip(SYNTH_JOINTS, posed.joints_m, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_wrists_are_where_the_posture_says(figure: Figure, seed: int) -> None:
    at = joints(figure, arms.crossed, seed)
    assert at["L_Wrist"][0] < 0 < at["R_Wrist"][0]
    assert at["L_Hip"][1] < at["L_Wrist"][1] < at["L_Shoulder"][1]
    at = joints(figure, arms.on_hip, seed)
    assert np.linalg.norm(at["L_Wrist"] - at["L_Hip"]) < 0.25
    assert at["L_Elbow"][0] > at["L_Shoulder"][0]
    at = joints(figure, arms.on_head, seed)
    assert at["R_Wrist"][1] > at["R_Shoulder"][1]
    assert np.linalg.norm(at["R_Wrist"] - at["Head"]) < 0.3
    at = joints(figure, arms.before_body, seed)
    assert at["L_Wrist"][2] > at["Thorax"][2]
    at = joints(figure, arms.behind_back, seed)
    assert at["L_Wrist"][2] < at["Pelvis"][2] - 0.08
    at = joints(figure, arms.stretched, seed)
    arm = np.linalg.norm(at["L_Wrist"] - at["L_Elbow"]) + np.linalg.norm(at["L_Elbow"] - at["L_Shoulder"])
    assert np.linalg.norm(at["L_Wrist"] - at["L_Shoulder"]) > 0.75 * arm


def test_front_of_the_trunk_is_that_of_the_body(figure: Figure) -> None:
    chest = arms.front_m(figure, 0.72 * figure.height_m)
    assert 0.05 < chest < 0.3
