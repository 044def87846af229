"""Squares at known depths before the camera, through OpenGL."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse

from pose3d_ros.types import Array, ImageArray
from pose3d_training.synthetic.scene_camera import View

pytest.importorskip("moderngl")

from pose3d_training.synthetic.body import BodyShape
from pose3d_training.synthetic.clothes import Outfit
from pose3d_training.synthetic.figure import Figure, Material, PosedFigure
from pose3d_training.synthetic.renderer import Light, Renderer, _resolve, clip_matrix
from pose3d_training.synthetic.scene_camera import view_at
from pose3d_training.synthetic.texture import Appearance

K = np.array([[200.0, 0, 63.5], [0, 200.0, 47.5], [0, 0, 1]])
VIEW = view_at(K, 128, 96, 0.0, 0.0, 0.0)
PLAIN = Light(*(np.array(v, dtype=float) for v in ((0, 1, 0), (0, 0, 0), (0, 1, 0), (0, 0, 0), (1, 1, 1), (1, 1, 1))))
WHITE = replace(
    Appearance.random(0, 1.0, 0.5), color_a=np.ones((8, 4), np.float32), pattern=np.zeros((8, 4), np.float32)
)
Placement = tuple[float, float, float, float]
"""x, y, depth and side in metres."""


def square(x_m: float, y_m: float, z_m: float, side_m: float) -> tuple[Figure, PosedFigure]:
    """A square that faces the camera, its center at (x, y, -z) in the world; as a figure and its pose.

    Turned a little in its plane, so that the edges' coverage averages over the samples.
    """
    c, s = np.cos(0.3), np.sin(0.3)
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    corners = corners * side_m / 2 + [x_m, y_m, -z_m]
    vertices, normals = corners.astype(np.float32), np.tile(np.array([0, 0, 1], np.float32), (4, 1))
    figure = Figure(
        assets=Path(), seed=0, shape=BodyShape(1, 0.5, 0.5, 0.5, 0.5, 0, 0, 1), outfit=Outfit("", "", "", ""),
        rest_m=vertices, normals=normals, canonical_m=vertices, material=np.full(4, Material.SHOES, np.uint8),
        triangles=np.array([[0, 1, 2], [0, 2, 3]], np.int32), closed_triangles=0, weights=sparse.csr_matrix((4, 31)),
        heads_m=np.zeros((31, 3)), joints_rest_m=np.zeros((27, 3)), body_m=vertices,
        grounded=np.ones(len(vertices), bool),
    )  # fmt: skip
    return figure, PosedFigure(vertices, normals, np.zeros((27, 3)))


def draw(renderer: Renderer, view: View, *placement: float) -> tuple[ImageArray, npt.NDArray[np.float32]]:
    figure, posed = square(*placement)
    mesh = renderer.mesh(figure, WHITE)
    rgba, depth = renderer.draw(mesh, posed, view, PLAIN)
    mesh.release()
    return rgba, depth


def centroid(rgba: ImageArray) -> Array:
    alpha = rgba[:, :, 3].astype(float)
    v, u = np.indices(alpha.shape)
    return np.asarray(np.array([(u * alpha).sum(), (v * alpha).sum()]) / alpha.sum())


@pytest.mark.parametrize("placement", [(0.0, 0.0, 2.0, 0.3), (0.213, -0.137, 2.0, 0.21), (-0.4, 0.25, 3.0, 0.33)])
def test_rendered_square_is_at_its_projection(renderer: Renderer, placement: Placement) -> None:
    x, y, z, side = placement
    rgba, _ = draw(renderer, VIEW, *placement)
    expected = VIEW.project(VIEW.to_cam(np.array([[x, y, -z]])))[0]
    assert np.abs(centroid(rgba) - expected).max() < 0.1
    assert rgba[:, :, 3].sum() / 255 == pytest.approx((200 * side / z) ** 2, rel=0.03)


def test_rendered_crop_equals_the_part_of_the_image(renderer: Renderer) -> None:
    rgba, depth = draw(renderer, VIEW, 0.1, 0.05, 2.0, 0.4)
    part, part_depth = draw(renderer, VIEW.crop(40, 20, 70, 50), 0.1, 0.05, 2.0, 0.4)
    # A sample that an edge all but touches may fall either way.
    assert (np.abs(part.astype(int) - rgba[20:70, 40:110]).max(axis=2) > 1).sum() <= 5
    assert (np.isinf(part_depth) != np.isinf(depth[20:70, 40:110])).sum() <= 5


def test_rendered_depth_is_in_metres_and_infinite_for_the_background(renderer: Renderer) -> None:
    _, depth = draw(renderer, VIEW, 0.0, 0.0, 2.5, 0.4)
    assert depth[47, 63] == pytest.approx(2.5, abs=1e-4)
    assert np.isinf(depth[0, 0])


def test_nearer_surface_occludes_the_farther_one(renderer: Renderer) -> None:
    near, posed_near = square(0.0, 0.0, 2.0, 0.3)
    far, posed_far = square(0.0, 0.0, 3.0, 0.9)
    both = replace(
        near, rest_m=np.concatenate([far.rest_m, near.rest_m]), normals=np.concatenate([far.normals, near.normals]),
        canonical_m=np.concatenate([far.rest_m, near.rest_m]), material=np.full(8, Material.SHOES, np.uint8),
        triangles=np.concatenate([near.triangles + 4, far.triangles]),
    )  # fmt: skip
    mesh = renderer.mesh(both, WHITE)
    posed = PosedFigure(
        np.concatenate([posed_far.vertices_m, posed_near.vertices_m]),
        np.concatenate([posed_far.normals, posed_near.normals]), np.zeros((27, 3)),
    )  # fmt: skip
    _, depth = renderer.draw(mesh, posed, VIEW, PLAIN)
    mesh.release()
    assert depth[47, 63] == pytest.approx(2.0, abs=1e-4)
    assert depth[47, 63 + 25] == pytest.approx(3.0, abs=1e-4)


def test_white_surface_under_white_light(renderer: Renderer) -> None:
    rgba, _ = draw(renderer, VIEW, 0.0, 0.0, 2.0, 0.4)
    assert rgba[47, 63].min() > 200


def test_clip_matrix_maps_image_edges_to_minus_one_and_one() -> None:
    # The outer edges of the image, -0.5 and 127.5, are -1 and 1.
    left = np.array([(-0.5 - 63.5) / 200, (-0.5 - 47.5) / 200, 1.0, 1.0])
    clip = clip_matrix(VIEW) @ left
    np.testing.assert_allclose(clip[:2] / clip[3], [-1, -1])


def test_resolved_color_averages_covered_samples() -> None:
    color = np.zeros((2, 2, 4), np.uint8)
    color[0, 0] = [200, 100, 40, 255]
    depth = np.array([[3.0, 0.0], [0.0, 0.0]], np.float32)
    rgba, nearest = _resolve(color, depth)
    assert np.abs(rgba[0, 0].astype(int) - [200, 100, 40, 64]).max() <= 2
    assert nearest[0, 0] == 3.0
