from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.drawing.colors import bgr, person_hex
from pose3d_ros.drawing.composite import Composer
from pose3d_ros.drawing.view_from_above import TopView, draw_top_view
from pose3d_ros.geometry.camera import Camera

from ..conftest import Scene, person_at


def test_top_view_maps_metres_to_pixels() -> None:
    view = TopView(width_px=400, height_px=560, depth_m=5.0)
    assert view.px_per_m == pytest.approx(100.0)  # 5 m in front and 0.6 m behind the camera
    np.testing.assert_allclose(view.to_px(np.array([[0.0, 9.0, 5.0], [1.0, 0.0, 0.0]])), [[200, 0], [300, 500]])


def test_top_view_holds_all_people() -> None:
    roots = np.array([[-6.0, 0, 3.0], [1.0, 0, 12.0], [np.nan, 0, 1]])
    px = TopView.around(roots, 480, 720).to_px(roots[:2])
    assert (px > 0).all()
    assert (px[:, 0] < 480).all()
    assert TopView.around(np.zeros((0, 3)), 480, 720).depth_m == 4.0


def test_people_beyond_the_view_are_marked_at_its_edge(scene: Scene) -> None:
    near = scene.ground_truth[0][0].pose
    roots = np.array([near.root_cam_m] * 99 + [[0.0, 0.0, 40.0]])
    view = TopView.around(roots, 480, 720, share=0.98)
    assert view.depth_m == TopView.around(roots[:1], 480, 720).depth_m
    drawn = draw_top_view(view, (person_at(7, near.joints_cam_m + [0.0, 0.0, 40.0], scene.camera),))
    marked = (drawn == bgr(person_hex(7))).all(axis=-1)
    assert marked[:30].any()
    assert not marked[60:].any()


def test_top_view_draws_people_ground_truth_and_trails(scene: Scene) -> None:
    view = TopView(480, 720, 10.0)
    empty = draw_top_view(view, (), camera=scene.camera)
    person = scene.ground_truth[0][0]
    drawn = draw_top_view(view, (person,), camera=scene.camera)
    u, v = np.round(view.to_px(person.pose.root_cam_m)).astype(int)
    assert drawn[v, u].tolist() == list(bgr(person_hex(1)))
    assert (empty[v, u] != drawn[v, u]).any()
    trail = np.array([[0.0, 0, 2], [1, 0, 2], [np.nan, 0, 2], [2, 0, 9]])
    assert (draw_top_view(view, (), trails_cam_m={1: trail}) != draw_top_view(view, ())).any()
    assert (draw_top_view(view, (), ground_truth=(person,)) != draw_top_view(view, ())).any()


def test_top_view_grows_for_people_far_away(scene: Scene) -> None:
    composer = Composer(scene.camera, np.empty((0, 3)), height_px=240)
    near = scene.ground_truth[0][0]
    far = person_at(2, near.pose.joints_cam_m + [0.0, 0.0, 12.0], scene.camera)
    shapes = [composer.draw(scene.image(0), (person,)).shape for person in (near, far)]
    assert shapes == [(240, 320 + 4 + 187, 3)] * 2
    assert composer.depth_m > 12.0


@pytest.mark.parametrize(("depth_m", "labeled"), [(20.0, False), (8.0, True)])
def test_distances_stand_neither_on_the_legend_nor_across_the_edge(depth_m: float, labeled: bool) -> None:
    drawn = draw_top_view(TopView(560, 720, depth_m), ())
    text = (drawn.min(axis=-1) > 110)[:, :100]  # left of the camera, which is as bright; the grid is darker
    assert not text[:5].any()
    assert text[690:].any()  # the legend
    assert text[640:687].any() == labeled  # 0 m: 21 px above the lower edge, or 50


@pytest.mark.parametrize(("size", "width_px"), [((4000, 20), 960), ((20, 4000), 1), ((1, 1), 240)])
def test_flat_and_narrow_images_have_a_composite_of_bounded_width(size: tuple[int, int], width_px: int) -> None:
    camera = Camera.from_hfov(60.0, *size)
    image = np.full((size[1], size[0], 3), 200, np.uint8)
    drawn = Composer(camera, np.empty((0, 3)), height_px=240).draw(image, ())
    assert drawn.shape == (240, width_px + 4 + 187, 3)
    assert (drawn[120, :width_px] == 200).all()
