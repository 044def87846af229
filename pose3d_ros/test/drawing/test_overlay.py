from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pose3d_ros.drawing.colors import PERSON_HEX, bgr, person_hex
from pose3d_ros.drawing.overlay import draw_people, image_joints_px, person_label
from pose3d_ros.drawing.video_writer import VideoWriter
from pose3d_ros.drawing.view_from_above import TopView, draw_top_view
from pose3d_ros.errors import InputError
from pose3d_ros.records import Person, TrackState


def test_nobody_leaves_the_image_as_it_is(scene: Any) -> None:
    image = scene.image(0)
    drawn = draw_people(image, ())
    np.testing.assert_array_equal(drawn, image)
    assert drawn is not image


def test_people_are_drawn_at_their_joints_in_their_colour(scene: Any) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    person = scene.truth[15][0]
    drawn = draw_people(image, (person,))
    x, y = np.round(person.pose.joints_img_px[person.pose.skeleton.index_of["L_Ankle"]]).astype(int)
    assert drawn[y, x].tolist() == list(bgr(person_hex(person.track_id)))
    assert image.max() == 0


def test_zoom_draws_at_the_scaled_place(scene: Any) -> None:
    person = scene.truth[15][0]
    drawn = draw_people(np.zeros((480, 640, 3), np.uint8), (person,), zoom=2.0)
    assert drawn.shape == (960, 1280, 3)
    u, v = 2.0 * (person.pose.joints_img_px[person.pose.skeleton.root] + 0.5) - 0.5
    assert drawn[round(v), round(u)].tolist() == list(bgr(person_hex(person.track_id)))


def test_predicted_people_are_fainter_and_lost_ones_invisible(scene: Any) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    person = scene.truth[15][0]
    tracked = draw_people(image, (person,)).sum()
    predicted = draw_people(image, (replace(person, state=TrackState.PREDICTED),)).sum()
    assert 0 < predicted < 0.6 * tracked
    assert draw_people(image, (replace(person, state=TrackState.LOST),)).sum() == 0


def test_lost_joints_and_far_away_pixels_are_skipped(scene: Any) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    person = scene.truth[15][0]
    wild = np.full_like(person.pose.joints_img_px, np.nan)
    wild[0] = [1e12, -1e12]
    nowhere = replace(
        person.pose, joints_img_px=wild, detection=replace(person.pose.detection, box_xyxy_px=np.full(4, np.nan))
    )
    assert draw_people(image, (replace(person, pose=nowhere),)).sum() == 0


def test_the_camera_gives_pixels_to_joints_that_have_none(scene: Any) -> None:
    person = scene.truth[15][0]
    blind = replace(person, pose=replace(person.pose, joints_img_px=np.full_like(person.pose.joints_img_px, np.nan)))
    np.testing.assert_allclose(image_joints_px(blind, scene.camera), person.pose.joints_img_px)
    assert np.isnan(image_joints_px(blind, None)).all()


def test_the_label_has_id_and_distance(scene: Any) -> None:
    person = scene.truth[0][0]
    far = replace(person, pose=replace(person.pose, root_cam_m=np.array([3.0, 0.0, 4.0])))
    assert person_label(far) == "P1  5.00 m"
    unknown = replace(person, pose=replace(person.pose, root_cam_m=np.full(3, np.nan)))
    assert person_label(unknown) == "P1"


def test_labels_of_people_behind_each_other_do_not_overlap(scene: Any) -> None:
    person = scene.truth[15][0]
    image = np.zeros((480, 640, 3), np.uint8)
    alone = draw_people(image, (person,))
    both = draw_people(image, (person, replace(person, track_id=2)))
    plate = np.array(bgr(person_hex(1)))
    other = np.array(bgr(person_hex(2)))
    assert (both == plate).all(-1).sum() > 0.9 * (alone == plate).all(-1).sum() - 200
    assert (both == other).all(-1).sum() > 500


def test_tiny_images_are_no_problem(scene: Any) -> None:
    assert draw_people(np.zeros((3, 2, 3), np.uint8), scene.truth[0]).shape == (3, 2, 3)


def test_colours_repeat_after_the_palette() -> None:
    assert person_hex(1) == person_hex(1 + len(PERSON_HEX))
    assert person_hex(1) != person_hex(2)
    assert bgr("#010203") == (3, 2, 1)


def test_top_view_maps_metres_to_pixels() -> None:
    view = TopView(width_px=400, height_px=560, depth_m=5.0)
    assert view.px_per_m == pytest.approx(100.0)  # 5 m in front and 0.6 m behind the camera
    np.testing.assert_allclose(view.to_px(np.array([[0.0, 9.0, 5.0], [1.0, 0.0, 0.0]])), [[200, 0], [300, 500]])


def test_top_view_holds_everybody() -> None:
    roots = np.array([[-6.0, 0, 3.0], [1.0, 0, 12.0], [np.nan, 0, 1]])
    view = TopView.around(roots, 480, 720)
    px = view.to_px(roots[:2])
    assert (px > 0).all()
    assert (px[:, 0] < 480).all()
    assert TopView.around(np.zeros((0, 3)), 480, 720).depth_m == 4.0


def test_somebody_far_beyond_is_marked_at_the_edge(scene: Any, person_maker: Any) -> None:
    near: Person = scene.truth[0][0]
    roots = np.array([near.pose.root_cam_m] * 99 + [[0.0, 0.0, 40.0]])
    view = TopView.around(roots, 480, 720, share=0.98)
    assert view.depth_m == TopView.around(roots[:1], 480, 720).depth_m
    far = person_maker(7, near.pose.joints_cam_m + np.array([0.0, 0.0, 40.0]), scene.camera)
    drawn = draw_top_view(view, (far,))
    marked = (drawn == bgr(person_hex(7))).all(axis=-1)
    assert marked[:30].any()
    assert not marked[60:].any()


def test_top_view_draws_people_truth_and_trails(scene: Any) -> None:
    view = TopView(480, 720, 10.0)
    empty = draw_top_view(view, (), camera=scene.camera)
    person: Person = scene.truth[0][0]
    drawn = draw_top_view(view, (person,), camera=scene.camera)
    u, v = np.round(view.to_px(person.pose.root_cam_m)).astype(int)
    assert drawn[v, u].tolist() == list(bgr(person_hex(1)))
    assert (empty[v, u] != drawn[v, u]).any()
    trail = np.array([[0.0, 0, 2], [1, 0, 2], [np.nan, 0, 2], [2, 0, 9]])
    assert (draw_top_view(view, (), trails_cam_m={1: trail}) != draw_top_view(view, ())).any()
    assert (draw_top_view(view, (), truth=(person,)) != draw_top_view(view, ())).any()


def test_video_is_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "v.mp4"
    with VideoWriter(path, 15.0) as video:
        for shade in (40, 120, 200):
            video.write(np.full((49, 65, 3), shade, np.uint8))  # odd: loses a row and a column
    capture = cv2.VideoCapture(str(path))
    shades = []
    while True:
        there, image = capture.read()
        if not there:
            break
        shades.append(round(float(image.mean())))
    assert image is None or image.shape == (48, 64, 3)
    np.testing.assert_allclose(shades, [40, 120, 200], atol=4)


def test_video_without_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pose3d_ros.drawing.video_writer.find_ffmpeg", lambda: None)
    with VideoWriter(tmp_path / "v.mp4", 15.0) as video:
        video.write(np.full((48, 64, 3), 90, np.uint8))
    there, image = cv2.VideoCapture(str(tmp_path / "v.mp4")).read()
    assert there
    assert image.shape == (48, 64, 3)


def test_video_frames_are_of_one_size(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", 15.0) as video:
        video.write(np.zeros((48, 64, 3), np.uint8))
        with pytest.raises(InputError, match="video frame"):
            video.write(np.zeros((64, 64, 3), np.uint8))


def test_a_failing_encoder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").mkdir()
    video = VideoWriter(tmp_path / "v.mp4", 15.0)
    video.write(np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(InputError, match="ffmpeg"):
        video.close()
