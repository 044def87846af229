"""Whole people from the assets (POSE3D_ASSETS names their folder), posed and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.types import ImageArray
from pose3d_training.synthetic.figure import PosedFigure

pytest.importorskip("moderngl")

from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.figure import Figure, make_figure
from pose3d_training.synthetic.motion import load_clip
from pose3d_training.synthetic.renderer import Light, Renderer
from pose3d_training.synthetic.scene_camera import view_at
from pose3d_training.synthetic.texture import Appearance

K = np.array([[520.0, 0, 319.5], [0, 520.0, 239.5], [0, 0, 1]])
VIEW = view_at(K, 640, 480, 1.1, 0.05, 0.0)
INSIDE = ("Pelvis", "Spine", "Thorax", "Neck", "Head", "L_Shoulder", "R_Shoulder", "L_Elbow", "R_Elbow", "L_Wrist",
          "R_Wrist", "L_Hip", "R_Hip", "L_Knee", "R_Knee", "L_Ankle", "R_Ankle")  # fmt: skip


@pytest.fixture(scope="module")
def figure(assets: Path) -> Figure:
    return make_figure(assets, 12)


def joint(joints: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    return np.asarray(joints[SYNTH_JOINTS.index(name)])


@pytest.mark.parametrize("seed", range(4))
def test_bodies_have_human_proportions(assets: Path, seed: int) -> None:
    person = make_figure(assets, 100 + seed)
    assert 1.0 < person.height_m < 2.1
    rest = person.joints_rest_m
    assert joint(rest, "Head_top")[1] == pytest.approx(person.height_m, abs=0.02)
    assert 0.4 < person.leg_length_m / person.height_m < 0.52


def test_figure_is_deterministic_for_a_seed(assets: Path, figure: Figure) -> None:
    again = make_figure(assets, 12)
    np.testing.assert_array_equal(again.rest_m, figure.rest_m)
    assert again.outfit == figure.outfit
    assert make_figure(assets, 13).outfit != figure.outfit or make_figure(assets, 13).shape != figure.shape


@pytest.mark.parametrize(("clip", "frame"), [("02_01", 10), ("02_03", 40), ("bvh/walk1", 5)])
def test_posed_figure_stands_on_the_floor_with_constant_bone_lengths(
    assets: Path, figure: Figure, clip: str, frame: int
) -> None:
    posed = figure.pose(figure.bones(load_clip(assets, clip), frame), 0.3, -4.0, 0.7, 0.0)
    assert posed.vertices_m[:, 1].min() == pytest.approx(0, abs=1e-5)
    assert min(joint(posed.joints_m, n)[1] for n in ("L_Ankle", "R_Ankle")) < 0.3
    assert joint(posed.joints_m, "Head")[1] > joint(posed.joints_m, "Pelvis")[1] + 0.3
    assert posed.joints_m[0, [0, 2]] == pytest.approx([0.3, -4.0])
    for a, b in (("L_Hip", "L_Knee"), ("R_Knee", "R_Ankle"), ("L_Shoulder", "L_Elbow"), ("R_Elbow", "R_Wrist")):
        length = np.linalg.norm(joint(posed.joints_m, a) - joint(posed.joints_m, b))
        rest = np.linalg.norm(joint(figure.joints_rest_m, a) - joint(figure.joints_rest_m, b))
        assert length == pytest.approx(rest, abs=1e-6)


def draw(renderer: Renderer, figure: Figure, posed: PosedFigure) -> tuple[ImageArray, npt.NDArray[np.float32]]:
    mesh = renderer.mesh(figure, Appearance.random(1, figure.shape.gender, figure.shape.age), 1)
    rgba, depth = renderer.draw(mesh, posed, VIEW, Light.random(np.random.default_rng(0)))
    mesh.release()
    return rgba, depth


@pytest.mark.parametrize("heading", [0.0, 1.9])
def test_joints_lie_inside_the_rendered_silhouette(
    assets: Path, renderer: Renderer, figure: Figure, heading: float
) -> None:
    posed = figure.pose(figure.bones(load_clip(assets, "02_01"), 20), 0.2, -3.0, heading, 0.0)
    rgba, depth = draw(renderer, figure, posed)
    cam = VIEW.to_cam(posed.joints_m)
    pixel = np.rint(VIEW.project(cam)).astype(int)
    for name in INSIDE:
        u, v = joint(pixel, name)
        assert rgba[v, u, 3] == 255, name
        assert depth[v, u] < joint(cam, name)[2] + 0.02, name
        assert depth[v, u] > joint(cam, name)[2] - 0.8, name


def test_rendering_is_deterministic(assets: Path, renderer: Renderer, figure: Figure) -> None:
    posed = figure.pose(figure.bones(load_clip(assets, "02_01"), 20), 0.0, -3.0, 0.0, 0.0)
    first, second = draw(renderer, figure, posed), draw(renderer, figure, posed)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
