"""Shadows, lenses and occluders of composed scenes, at places worked out by hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_ros.geometry import Camera
from pose3d_ros.types import ImageArray
from pose3d_training.synthetic.body_joints import SYNTH_JOINTS
from pose3d_training.synthetic.compose import paste_cutout
from pose3d_training.synthetic.image_folders import Backgrounds
from pose3d_training.synthetic.lens_warp import LensWarp
from pose3d_training.synthetic.shadows import cast_on_floor
from pose3d_training.synthetic.sprite_bank import Sprite

WIDTH, HEIGHT, FOCAL = 160, 120, 100.0
K = np.array([[FOCAL, 0, 79.5], [0, FOCAL, 59.5], [0, 0, 1]])
CAMERA_HEIGHT_M = 1.0
# x right, y down, z forward to x right, y up, z towards the viewer, one metre over the floor.
CAM2WORLD = np.array([[1.0, 0, 0, 0], [0, -1, 0, CAMERA_HEIGHT_M], [0, 0, -1, 0], [0, 0, 0, 1]])


def pole(depth_m: float, sun_dir: tuple[float, float, float], sun_share: float) -> Sprite:
    """A person whose joints are all at one height of 1 m, straight ahead, but for the ankles on the floor."""
    joints = np.tile(np.array([0.0, CAMERA_HEIGHT_M - 1.0, depth_m], np.float32), (len(SYNTH_JOINTS), 1))
    direction = np.array(sun_dir) / np.linalg.norm(sun_dir)
    return Sprite(
        offset=0, width_px=1, height_px=1, x0_px=0, y0_px=0, group=0, image_width_px=WIDTH, image_height_px=HEIGHT,
        K=K, joints_cam_m=joints, joint_self_visible=np.ones(len(joints), bool), alpha_box=np.zeros(4, np.float32),
        height_m=1.7, clearance_m=0.0, camera_height_m=CAMERA_HEIGHT_M, pitch_rad=0.0, roll_rad=0.0,
        cam2world=CAM2WORLD, sun_dir=direction, sun_share=sun_share, person_seed=0, look_seed=0, clip="a", frame=0,
        rgba=np.zeros((1, 1, 4), np.uint8),
    )  # fmt: skip


def darkest_px(image: ImageArray) -> tuple[int, int]:
    v, u = np.unravel_index(int(image[..., 0].argmin()), image.shape[:2])
    return int(u), int(v)


def test_the_sun_throws_the_shadow_away_from_itself() -> None:
    # Sun from the left at 45°: a point 1 m high shades the floor 1 m to the right: (1, 1, 4) in the camera's frame.
    image = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    cast_on_floor(image, [pole(4.0, (-1.0, 1.0, 0.0), 1.0)], 1.0)
    u, v = darkest_px(image)
    assert u == pytest.approx(79.5 + FOCAL / 4, abs=3)
    assert v == pytest.approx(59.5 + FOCAL / 4, abs=3)
    assert image[: HEIGHT // 2 - 5].min() == 200


def test_an_overcast_sky_shades_the_floor_under_the_person() -> None:
    image = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    cast_on_floor(image, [pole(4.0, (-1.0, 1.0, 0.0), 0.0)], 1.0)
    u, v = darkest_px(image)
    assert u == pytest.approx(79.5, abs=3)
    assert v == pytest.approx(59.5 + FOCAL / 4, abs=3)


def test_no_strength_and_nobody_leave_the_image() -> None:
    image = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    cast_on_floor(image, [pole(4.0, (-1.0, 1.0, 0.0), 1.0)], 0.0)
    cast_on_floor(image, [], 1.0)
    assert (image == 200).all()


def test_a_warped_image_shows_points_where_its_camera_projects_them() -> None:
    camera = Camera.from_hfov(80.0, WIDTH, HEIGHT)
    warp = LensWarp.random(camera, np.random.default_rng(4))
    assert np.abs(warp.camera.distortion[:2]).max() > 0.01
    for point in np.array([[0.0, 0.0, 2.0], [0.9, 0.5, 2.0], [-1.0, -0.6, 2.0], [-0.4, 0.7, 2.0]]):
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        u, v = camera.project(point[None])[0]
        image[round(v) - 1 : round(v) + 2, round(u) - 1 : round(u) + 2] = 255
        weight = warp.image(image)[..., 0].astype(float)
        found = np.array([(weight.sum(0) * np.arange(WIDTH)).sum(), (weight.sum(1) * np.arange(HEIGHT)).sum()])
        np.testing.assert_allclose(found / weight.sum(), warp.camera.project(point[None])[0], atol=0.8)


def test_a_warp_leaves_no_empty_corner_and_keeps_who_is_seen() -> None:
    camera = Camera.from_hfov(100.0, WIDTH, HEIGHT)
    owner = np.full((HEIGHT, WIDTH), 3, np.int8)
    for seed in range(20):
        warp = LensWarp.random(camera, np.random.default_rng(seed))
        assert (warp.owner(owner) == 3).mean() > 0.99


def test_a_box_through_the_lens_holds_the_warped_person() -> None:
    camera = Camera.from_hfov(90.0, WIDTH, HEIGHT)
    owner = np.full((HEIGHT, WIDTH), -1, np.int8)
    owner[30:90, 20:50] = 0
    for seed in range(10):
        warp = LensWarp.random(camera, np.random.default_rng(seed))
        v, u = np.nonzero(warp.owner(owner) == 0)
        box = warp.boxes(np.array([[19.5, 29.5, 49.5, 89.5]]))[0]
        np.testing.assert_allclose([u.min() - 0.5, v.min() - 0.5, u.max() + 0.5, v.max() + 0.5], box, atol=1.5)


def test_the_thinnest_thing_is_drawn_and_the_smallest_image_left_out(tmp_path: Path) -> None:
    image, owner = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH), np.int8)
    for seed in range(20):
        paste_cutout(image, owner, np.full((320, 2, 4), 255, np.uint8), np.random.default_rng(seed))
    cv2.imwrite(str(tmp_path / "tiny.png"), np.zeros((4, 4, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "gray.png"), np.full((90, 90), 80, np.uint8))
    thing = np.full((40, 40, 4), 200, np.uint8)
    thing[:, :20, 3] = 0
    cv2.imwrite(str(tmp_path / "thing.png"), thing)
    backgrounds = Backgrounds([tmp_path])
    assert (len(backgrounds.images), len(backgrounds.cutouts)) == (1, 1)


def test_a_thing_hides_who_is_behind_it() -> None:
    image, owner = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH), np.int8)
    paste_cutout(image, owner, np.full((20, 10, 4), 255, np.uint8), np.random.default_rng(1))
    assert (owner == -1).any()
    np.testing.assert_array_equal(owner == -1, image[..., 0] > 0)
