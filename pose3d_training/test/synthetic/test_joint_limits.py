"""Angles of joints by hand, and their ranges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip("moderngl")

from pose3d_ros.types import Array
from pose3d_training.synthetic.figure import Figure, make_figure
from pose3d_training.synthetic.joint_limits import beyond_limits, joint_angles_deg
from pose3d_training.synthetic.motion import BONES


@pytest.fixture(scope="module")
def figure(assets: Path) -> Figure:
    return make_figure(assets, 12)


def turned(**eulers: tuple[str, list[float]]) -> Array:
    local = np.tile(np.eye(3), (len(BONES), 1, 1))
    for bone, (axes, degrees) in eulers.items():
        local[BONES.index(bone)] = Rotation.from_euler(axes, degrees, degrees=True).as_matrix()
    return local


def test_angles_of_legs_and_trunk_by_hand(figure: Figure) -> None:
    angles = joint_angles_deg(
        figure,
        turned(LeftUpLeg=("X", [-90.0]), LeftLeg=("X", [70.0]), RightUpLeg=("Z", [-30.0]), Spine=("X", [25.0]),
               RightFoot=("X", [20.0]), Head=("Y", [40.0])),
    )  # fmt: skip
    wanted = {
        "L_Hip_flexion": 90, "L_Knee_flexion": 70, "R_Hip_abduction": 30, "R_Hip_flexion": 0, "Trunk_flexion": 25,
        "R_Ankle_flexion": 20, "Head_turn": 40, "L_Hip_rotation": 0, "L_Knee_aside": 0,
    }  # fmt: skip
    for name, value in wanted.items():
        assert angles[name] == pytest.approx(value, abs=1e-6), name


def test_thigh_turned_about_itself_is_hip_rotation(figure: Figure) -> None:
    spin = Rotation.from_euler("X", -90, degrees=True) * Rotation.from_euler("Y", 35, degrees=True)
    local = turned()
    local[BONES.index("LeftUpLeg")] = spin.as_matrix()
    assert joint_angles_deg(figure, local)["L_Hip_rotation"] == pytest.approx(35, abs=1e-6)
    mirror = np.diag([-1.0, 1.0, 1.0])
    local[BONES.index("RightUpLeg")] = mirror @ spin.as_matrix() @ mirror
    assert joint_angles_deg(figure, local)["R_Hip_rotation"] == pytest.approx(35, abs=1e-6)


def test_pose_at_rest_is_within_its_ranges(figure: Figure) -> None:
    assert beyond_limits(figure, turned()) == {}


@pytest.mark.parametrize(
    ("bone", "axes", "degrees", "name"),
    [
        ("LeftLeg", "X", -30.0, "L_Knee_flexion"),
        ("RightLeg", "Z", 40.0, "R_Knee_aside"),
        ("LeftUpLeg", "X", 80.0, "L_Hip_flexion"),
        ("Spine", "X", 120.0, "Trunk_flexion"),
        ("Head", "Y", 150.0, "Head_turn"),
    ],
)
def test_what_no_joint_does_is_beyond_its_range(
    figure: Figure, bone: str, axes: str, degrees: float, name: str
) -> None:
    assert name in beyond_limits(figure, turned(**{bone: (axes, [degrees])}))


def test_elbow_bends_one_way_alone(figure: Figure) -> None:
    arm, fore, hand = (BONES.index("Left" + part) for part in ("Arm", "ForeArm", "Hand"))
    along, on = figure.heads_m[fore] - figure.heads_m[arm], figure.heads_m[hand] - figure.heads_m[fore]
    hinge = np.cross(along, on) / np.linalg.norm(np.cross(along, on))
    local = turned()
    rest = joint_angles_deg(figure, local)["L_Elbow_flexion"]
    local[fore] = Rotation.from_rotvec(hinge * np.deg2rad(60)).as_matrix()
    assert joint_angles_deg(figure, local)["L_Elbow_flexion"] == pytest.approx(rest + 60, abs=1e-6)
    local[fore] = Rotation.from_rotvec(-hinge * np.deg2rad(rest + 30)).as_matrix()
    assert "L_Elbow_flexion" in beyond_limits(figure, local)
