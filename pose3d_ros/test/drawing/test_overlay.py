from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.drawing.colors import PERSON_HEX, bgr, person_hex
from pose3d_ros.drawing.overlay import draw_people, image_joints_px, person_label
from pose3d_ros.records import Person, TrackState

from ..conftest import Scene

BLACK = np.zeros((480, 640, 3), np.uint8)


@pytest.fixture
def person(scene: Scene) -> Person:
    return scene.ground_truth[15][0]


def test_overlay_without_people_is_the_image(scene: Scene) -> None:
    image = scene.image(0)
    drawn = draw_people(image, ())
    np.testing.assert_array_equal(drawn, image)
    assert drawn is not image


def test_people_are_drawn_at_their_joints_in_their_color(person: Person) -> None:
    drawn = draw_people(BLACK, (person,))
    x, y = np.round(person.pose.joints_img_px[person.pose.skeleton.index_of["L_Ankle"]]).astype(int)
    assert drawn[y, x].tolist() == list(bgr(person_hex(person.track_id)))
    assert BLACK.max() == 0


def test_zoom_draws_at_the_scaled_position(person: Person) -> None:
    drawn = draw_people(BLACK, (person,), zoom=2.0)
    assert drawn.shape == (960, 1280, 3)
    u, v = 2.0 * (person.pose.joints_img_px[person.pose.skeleton.root] + 0.5) - 0.5
    assert drawn[round(v), round(u)].tolist() == list(bgr(person_hex(person.track_id)))


def test_predicted_people_are_faded_and_lost_ones_not_drawn(person: Person) -> None:
    tracked = draw_people(BLACK, (person,)).sum()
    predicted = draw_people(BLACK, (replace(person, state=TrackState.PREDICTED),)).sum()
    assert 0 < predicted < 0.6 * tracked
    assert draw_people(BLACK, (replace(person, state=TrackState.LOST),)).sum() == 0


def test_lost_joints_and_pixels_far_outside_are_skipped(person: Person) -> None:
    wild = np.full_like(person.pose.joints_img_px, np.nan)
    wild[0] = [1e12, -1e12]
    no_box = replace(person.pose.detection, box_xyxy_px=np.full(4, np.nan))
    nowhere = replace(person.pose, joints_img_px=wild, detection=no_box)
    assert draw_people(BLACK, (replace(person, pose=nowhere),)).sum() == 0


def test_joints_without_pixels_are_projected(scene: Scene, person: Person) -> None:
    blind = replace(person, pose=replace(person.pose, joints_img_px=np.full_like(person.pose.joints_img_px, np.nan)))
    np.testing.assert_allclose(image_joints_px(blind, scene.camera), person.pose.joints_img_px)
    assert np.isnan(image_joints_px(blind, None)).all()


@pytest.mark.parametrize(("root_m", "label"), [([3.0, 0.0, 4.0], "P1  5.00 m"), ([np.nan] * 3, "P1")])
def test_label_has_id_and_distance(person: Person, root_m: list[float], label: str) -> None:
    assert person_label(replace(person, pose=replace(person.pose, root_cam_m=np.array(root_m)))) == label


def test_labels_of_overlapping_people_do_not_overlap(person: Person) -> None:
    alone = draw_people(BLACK, (person,))
    both = draw_people(BLACK, (person, replace(person, track_id=2)))
    first, second = bgr(person_hex(1)), bgr(person_hex(2))
    assert (both == first).all(-1).sum() > 0.9 * (alone == first).all(-1).sum() - 200
    assert (both == second).all(-1).sum() > 500


def test_tiny_images_are_drawn(scene: Scene) -> None:
    assert draw_people(np.zeros((3, 2, 3), np.uint8), scene.ground_truth[0]).shape == (3, 2, 3)


def test_colors_repeat_after_the_palette() -> None:
    assert person_hex(1) == person_hex(1 + len(PERSON_HEX)) != person_hex(2)
    assert bgr("#010203") == (3, 2, 1)
