"""Which part of an image a sprite covers, and which of its joints are visible."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_training.synthetic.scene_camera import view_at
from pose3d_training.synthetic.sprites import Rectangle, box_of, rectangle_of, self_visible

K = np.array([[100.0, 0, 31.5], [0, 100.0, 23.5], [0, 0, 1]])


def test_rectangle_is_the_box_clipped_to_the_image() -> None:
    view = view_at(K, 64, 48, 0.0, 0.0, 0.0)
    box = np.array([-5.2, 10.4, 20.3, 60.0], np.float32)
    assert vars(rectangle_of(box, view)) == {"x0": 0, "y0": 10, "x1": 22, "y1": 48}
    assert rectangle_of(np.array([70, 10, 90, 40], np.float32), view) is None


def test_box_of_a_mesh_bounds_its_vertices() -> None:
    view = view_at(K, 64, 48, 0.0, 0.0, 0.0)
    corners = np.array([[-0.1, 0.2, -1.0], [0.1, -0.1, -2.0]])
    box = box_of(view, corners)
    assert box is not None
    np.testing.assert_allclose(box, [21.5, 3.5, 36.5, 28.5], rtol=1e-6)
    assert box_of(view, np.array([[0.0, 0.0, 1.0]])) is None


def test_joint_behind_more_than_10_cm_of_body_is_not_visible() -> None:
    view = view_at(K, 64, 48, 0.0, 0.0, 0.0)
    depth = np.full((48, 64), 2.0, np.float32)
    joints = np.array([[0, 0, 2.09], [0, 0, 2.2], [9.0, 0, 2.0], [0, 0, 1.0]])
    seen = self_visible(view, depth, Rectangle(0, 0, 64, 48), joints)
    assert seen.tolist() == [True, False, False, True]
