"""Joints of the bodies from the assets (POSE3D_ASSETS names their folder)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("moderngl")

from pose3d_training.synthetic.body import SYNTH_JOINTS, BodyShape, rest_joints, shape_vertices


def joint(joints: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    return np.asarray(joints[SYNTH_JOINTS.index(name)])


def mirrored_names() -> list[int]:
    swap = {"L": "R", "R": "L"}
    return [SYNTH_JOINTS.index(swap[n[0]] + n[1:] if n[1] == "_" else n) for n in SYNTH_JOINTS]


def test_rest_joints_are_symmetric(assets: Path) -> None:
    joints = rest_joints(assets, shape_vertices(assets, BodyShape.random(3)))
    np.testing.assert_allclose(joints[mirrored_names()] * [-1, 1, 1], joints, atol=0.004)
    assert joint(joints, "L_Hip")[0] > 0  # left is at +x


def test_hip_joints_lie_inside_the_body(assets: Path) -> None:
    body = shape_vertices(assets, BodyShape(1, 0.5, 0.5, 0.5, 0.5, 0, 0, 1))
    joints = rest_joints(assets, body)
    width = joint(joints, "L_Hip")[0] - joint(joints, "R_Hip")[0]
    assert 0.13 < width < 0.26  # hip centers, not the trochanters' skin
    assert joint(joints, "Pelvis") == pytest.approx((joint(joints, "L_Hip") + joint(joints, "R_Hip")) / 2)
