"""Shadows on the floor, at positions worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_ros.types import ImageArray
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.shadows import cast_on_floor
from pose3d_training.synthetic.sprite_bank import Sprite, SpriteRecord

WIDTH, HEIGHT, FOCAL = 160, 120, 100.0
K = np.array([[FOCAL, 0, 79.5], [0, FOCAL, 59.5], [0, 0, 1]])
CAMERA_HEIGHT_M = 1.0
# x right, y down, z forward to x right, y up, z towards the viewer, one metre over the floor.
CAM2WORLD = np.array([[1.0, 0, 0, 0], [0, -1, 0, CAMERA_HEIGHT_M], [0, 0, -1, 0], [0, 0, 0, 1]])
Pole = Callable[[tuple[float, float, float], float], Sprite]


@pytest.fixture
def pole(sprite_record: Callable[..., SpriteRecord]) -> Pole:
    """Make a person 4 m straight ahead whose joints are all at one height of 1 m, under a sun of that direction."""

    def make(sun_dir: tuple[float, float, float], sun_share: float) -> Sprite:
        joints = np.tile(np.array([0.0, CAMERA_HEIGHT_M - 1.0, 4.0], np.float32), (len(SYNTH_JOINTS), 1))
        direction = np.array(sun_dir) / np.linalg.norm(sun_dir)
        record = sprite_record(
            K=K, image_width_px=WIDTH, image_height_px=HEIGHT, joints_cam_m=joints, cam2world=CAM2WORLD,
            sun_dir=direction, sun_share=sun_share,
        )  # fmt: skip
        return Sprite(**vars(record), rgba=np.zeros((1, 1, 4), np.uint8))

    return make


def darkest_px(image: ImageArray) -> tuple[int, int]:
    v, u = np.unravel_index(int(image[..., 0].argmin()), image.shape[:2])
    return int(u), int(v)


def test_shadow_falls_away_from_the_sun(pole: Pole) -> None:
    # Sun from the left at 45°: a point 1 m high shades the floor 1 m to the right: (1, 1, 4) in the camera's frame.
    image = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    cast_on_floor(image, [pole((-1.0, 1.0, 0.0), 1.0)], 1.0)
    u, v = darkest_px(image)
    assert u == pytest.approx(79.5 + FOCAL / 4, abs=3)
    assert v == pytest.approx(59.5 + FOCAL / 4, abs=3)
    assert image[: HEIGHT // 2 - 5].min() == 200


def test_overcast_sky_shades_the_floor_under_the_person(pole: Pole) -> None:
    image = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    cast_on_floor(image, [pole((-1.0, 1.0, 0.0), 0.0)], 1.0)
    u, v = darkest_px(image)
    assert u == pytest.approx(79.5, abs=3)
    assert v == pytest.approx(59.5 + FOCAL / 4, abs=3)


def test_no_shadow_without_strength_or_people(pole: Pole) -> None:
    image = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    cast_on_floor(image, [pole((-1.0, 1.0, 0.0), 1.0)], 0.0)
    cast_on_floor(image, [], 1.0)
    assert (image == 200).all()
