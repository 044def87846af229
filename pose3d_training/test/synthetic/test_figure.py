"""Whole people from the assets (POSE3D_ASSETS names their folder), posed and drawn."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.types import ImageArray
from pose3d_training.synthetic.figure import PosedFigure

pytest.importorskip("moderngl")

from pose3d_training.synthetic.body import BodyShape, shape_vertices
from pose3d_training.synthetic.body_joints import SYNTH_JOINTS, rest_joints
from pose3d_training.synthetic.figure import Figure, make_figure
from pose3d_training.synthetic.motion import load_clip
from pose3d_training.synthetic.renderer import Light, Renderer
from pose3d_training.synthetic.scene_camera import view_at
from pose3d_training.synthetic.texture import Appearance
from sample_recording.walk import Piece, plan_walk

ASSETS = Path(os.environ.get("POSE3D_ASSETS", "/nonexistent"))
pytestmark = pytest.mark.skipif(not (ASSETS / "makehuman").is_dir(), reason="POSE3D_ASSETS names no folder of assets")
K = np.array([[520.0, 0, 319.5], [0, 520.0, 239.5], [0, 0, 1]])
VIEW = view_at(K, 640, 480, 1.1, 0.05, 0.0)
INSIDE = ("Pelvis", "Spine", "Thorax", "Neck", "Head", "L_Shoulder", "R_Shoulder", "L_Elbow", "R_Elbow", "L_Wrist",
          "R_Wrist", "L_Hip", "R_Hip", "L_Knee", "R_Knee", "L_Ankle", "R_Ankle")  # fmt: skip


@pytest.fixture(scope="module")
def figure() -> Figure:
    return make_figure(ASSETS, 12)


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    try:
        made = Renderer()
    except Exception as error:  # moderngl raises a plain Exception without EGL
        pytest.skip(f"no EGL: {error}")
    yield made
    made.close()


def joint(joints: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    return np.asarray(joints[SYNTH_JOINTS.index(name)])


def mirrored_names() -> list[int]:
    swap = {"L": "R", "R": "L"}
    return [SYNTH_JOINTS.index(swap[n[0]] + n[1:] if n[1] == "_" else n) for n in SYNTH_JOINTS]


def test_the_skeleton_at_rest_is_symmetric() -> None:
    joints = rest_joints(ASSETS, shape_vertices(ASSETS, BodyShape.random(3)))
    np.testing.assert_allclose(joints[mirrored_names()] * [-1, 1, 1], joints, atol=0.004)
    assert joint(joints, "L_Hip")[0] > 0  # left is at +x


def test_hips_lie_inside_the_body() -> None:
    body = shape_vertices(ASSETS, BodyShape(1, 0.5, 0.5, 0.5, 0.5, 0, 0, 1))
    joints = rest_joints(ASSETS, body)
    width = joint(joints, "L_Hip")[0] - joint(joints, "R_Hip")[0]
    assert 0.13 < width < 0.26  # hip centers, not the trochanters' skin
    assert joint(joints, "Pelvis") == pytest.approx((joint(joints, "L_Hip") + joint(joints, "R_Hip")) / 2)


@pytest.mark.parametrize("seed", range(4))
def test_people_have_human_proportions(seed: int) -> None:
    person = make_figure(ASSETS, 100 + seed)
    assert 1.0 < person.height_m < 2.1
    rest = person.joints_rest_m
    assert joint(rest, "Head_top")[1] == pytest.approx(person.height_m, abs=0.02)
    assert 0.4 < person.leg_length_m / person.height_m < 0.52


def test_one_seed_gives_one_person(figure: Figure) -> None:
    again = make_figure(ASSETS, 12)
    np.testing.assert_array_equal(again.rest_m, figure.rest_m)
    assert again.outfit == figure.outfit
    assert make_figure(ASSETS, 13).outfit != figure.outfit or make_figure(ASSETS, 13).shape != figure.shape


@pytest.mark.parametrize(("clip", "frame"), [("02_01", 10), ("02_03", 40), ("bvh/walk1", 5)])
def test_feet_stand_on_the_floor_and_bones_keep_their_length(figure: Figure, clip: str, frame: int) -> None:
    posed = figure.pose(figure.bones(load_clip(ASSETS, clip), frame), 0.3, -4.0, 0.7, 0.0)
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
def test_joints_lie_on_the_silhouette_and_behind_the_skin(renderer: Renderer, figure: Figure, heading: float) -> None:
    posed = figure.pose(figure.bones(load_clip(ASSETS, "02_01"), 20), 0.2, -3.0, heading, 0.0)
    rgba, depth = draw(renderer, figure, posed)
    cam = VIEW.to_cam(posed.joints_m)
    pixel = np.rint(VIEW.project(cam)).astype(int)
    for name in INSIDE:
        u, v = joint(pixel, name)
        assert rgba[v, u, 3] == 255, name
        assert depth[v, u] < joint(cam, name)[2] + 0.02, name
        assert depth[v, u] > joint(cam, name)[2] - 0.8, name


def test_drawing_is_deterministic(renderer: Renderer, figure: Figure) -> None:
    posed = figure.pose(figure.bones(load_clip(ASSETS, "02_01"), 20), 0.0, -3.0, 0.0, 0.0)
    first, second = draw(renderer, figure, posed), draw(renderer, figure, posed)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_a_walker_s_standing_foot_stays_where_it_is(figure: Figure) -> None:
    pieces = [Piece("02_02", 35, 73, False, 0.85, 3)]
    walk = plan_walk(figure, pieces, np.array([[-4.0, -4.0], [0, -4], [4, -4]]), 60)
    posed = [walk.pose(figure, t) for t in range(60)]
    toes = np.array([[joint(p.joints_m, n) for n in ("L_Toe", "R_Toe", "L_Ankle", "R_Ankle")] for p in posed])
    speed = np.abs(np.diff(toes[:, :, 0], axis=0)) * 30
    assert np.percentile(speed.min(axis=1), 90) < 0.25  # m/s, while the body goes at more than a metre a second
    assert 1.0 < (walk.x_m[-1] - walk.x_m[0]) / (59 / 30) < 1.9
    np.testing.assert_allclose([p.vertices_m[:, 1].min() for p in posed[::10]], 0, atol=1e-5)
