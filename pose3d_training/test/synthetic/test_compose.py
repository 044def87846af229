"""Scenes composed of made-up people: rectangles of one color at known positions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose3d_ros.types import ImageArray
from pose3d_training.synthetic.compose import Scene

pytest.importorskip("moderngl")

from pose3d_training.synthetic.compose import SceneComposer, clip_box, paste, paste_cutout
from pose3d_training.synthetic.image_folders import Backgrounds
from pose3d_training.synthetic.sprite_bank import Sprite, SpriteBank, SpriteRecord
from pose3d_training.synthetic.sprites import ShardWriter

Placement = tuple[int, int, int, int, float, float]
"""x0, y0, width, height in pixels; depth and x in metres."""


def opaque(width: int, height: int, value: int = 200) -> ImageArray:
    return np.dstack([np.full((height, width, 3), value, np.uint8), np.full((height, width), 255, np.uint8)])


@pytest.fixture
def sprite(sprite_record: Callable[..., SpriteRecord]) -> Callable[..., Sprite]:
    """Make a sprite that covers a rectangle: x0, y0, width, height."""

    def make(x0: int, y0: int, width: int, height: int) -> Sprite:
        record = sprite_record(x0_px=x0, y0_px=y0, width_px=width, height_px=height)
        return Sprite(rgba=opaque(width, height), **vars(record))

    return make


@pytest.fixture
def bank(tmp_path: Path, sprite_record: Callable[..., SpriteRecord]) -> Callable[..., SpriteBank]:
    """Make a bank of people at known positions."""

    def make(*people: Placement) -> SpriteBank:
        writer = ShardWriter(tmp_path / "shard-00")
        for x0, y0, width, height, depth_m, x_m in people:
            joints = np.tile(np.array([x_m, 0.0, depth_m], np.float32), (27, 1))
            box = np.array([x0 - 0.5, y0 - 0.5, x0 + width - 0.5, y0 + height - 0.5], np.float32)
            placement = {"x0_px": x0, "y0_px": y0, "width_px": width, "height_px": height}
            writer.add(opaque(width, height), sprite_record(**placement, joints_cam_m=joints, alpha_box=box))
        writer.checkpoint()
        return SpriteBank(tmp_path)

    return make


class Fixed(np.random.Generator):
    """A generator that puts every person in the scene, without occluders or lens distortion."""

    def __init__(self, count: int) -> None:
        super().__init__(np.random.PCG64(0))
        self.count = count

    def random(self, *args: Any, **kwargs: Any) -> Any:
        return 0.99

    def choice(self, n: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        if "p" in kwargs:
            return self.count if len(kwargs["p"]) > 4 else 0
        return np.asarray(n)[::-1][: args[0]] if args else 0


@pytest.fixture
def composed(bank: Callable[..., SpriteBank]) -> Callable[..., Scene]:
    """Compose a scene of all people at the given positions."""
    return lambda *people: SceneComposer(bank(*people), Backgrounds([])).draw(Fixed(len(people)))


def test_boxes_are_clipped_at_the_outer_edges_of_the_border_pixels() -> None:
    np.testing.assert_array_equal(clip_box(np.array([-9.0, 3, 90, 60]), 64, 48), [-0.5, 3, 63.5, 47.5])


def test_paste_covers_exactly_the_sprites_pixels(sprite: Callable[..., Sprite]) -> None:
    image, owner = np.zeros((48, 64, 3), np.uint8), np.full((48, 64), -1, np.int8)
    assert paste(image, owner, sprite(10, 20, 5, 4), 3, np.ones(3)) == 20
    assert (owner == 3).sum() == 20
    assert (owner[20:24, 10:15] == 3).all()
    assert (image[20:24, 10:15] == 200).all()
    assert image.sum() == 20 * 3 * 200


def test_paste_clips_the_sprite_at_the_border(sprite: Callable[..., Sprite]) -> None:
    image, owner = np.zeros((48, 64, 3), np.uint8), np.full((48, 64), -1, np.int8)
    assert paste(image, owner, sprite(-3, 45, 5, 10), 0, np.ones(3)) == 2 * 3
    assert paste(image, owner, sprite(70, 0, 5, 5), 1, np.ones(3)) == 0
    assert np.unique(owner).tolist() == [-1, 0]


def test_gain_scales_and_saturates_each_channel(sprite: Callable[..., Sprite]) -> None:
    image, owner = np.zeros((48, 64, 3), np.uint8), np.full((48, 64), -1, np.int8)
    paste(image, owner, sprite(0, 0, 2, 2), 0, np.array([0.5, 1.0, 2.0]))
    assert image[0, 0].tolist() == [100, 200, 255]


def test_nearer_person_occludes_the_farther_one(composed: Callable[..., Scene]) -> None:
    # Far: columns 10–29; near: columns 20–39, so that half of the far one is hidden.
    scene = composed((20, 5, 20, 30, 2.0, 0.5), (10, 5, 20, 30, 4.0, 0.0))
    assert scene.joints_cam_m[:, 0, 2].tolist() == [4.0, 2.0]
    np.testing.assert_allclose(scene.visible, [0.5, 1.0])
    np.testing.assert_allclose(scene.boxes_xyxy_px, [[9.5, 4.5, 29.5, 34.5], [19.5, 4.5, 39.5, 34.5]])
    assert (scene.owner[5:35, 20:40] == 1).all()
    assert (scene.owner[5:35, 10:20] == 0).all()
    assert (scene.owner == -1).sum() == 48 * 64 - 30 * 30


def test_parts_outside_the_image_are_not_visible(composed: Callable[..., Scene]) -> None:
    scene = composed((-10, 0, 20, 30, 3.0, 0.0))
    np.testing.assert_allclose(scene.boxes_xyxy_px, [[-0.5, -0.5, 9.5, 29.5]])
    np.testing.assert_allclose(scene.visible, [0.5])


def test_colliding_people_are_left_out(composed: Callable[..., Scene]) -> None:
    scene = composed((0, 0, 10, 20, 3.0, 0.0), (20, 0, 10, 20, 3.1, 0.1), (40, 0, 10, 20, 3.0, 1.5))
    assert len(scene.visible) == 2


def test_scene_without_people(bank: Callable[..., SpriteBank]) -> None:
    scene = SceneComposer(bank((0, 0, 10, 20, 3.0, 0.0)), Backgrounds([])).draw(Fixed(0))
    assert scene.image_bgr.shape == (48, 64, 3)
    assert scene.boxes_xyxy_px.shape == (0, 4)
    assert scene.joints_cam_m.shape == (0, 27, 3)
    assert scene.visible.shape == (0,)


def test_scene_is_deterministic_for_a_seed(bank: Callable[..., SpriteBank]) -> None:
    composer = SceneComposer(bank((5, 5, 10, 20, 3.0, 0.0), (30, 5, 10, 20, 4.0, 1.0)), Backgrounds([]))
    first, second = (composer.draw(np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.image_bgr, second.image_bgr)
    np.testing.assert_array_equal(first.boxes_xyxy_px, second.boxes_xyxy_px)


def test_cutouts_occlude_people() -> None:
    for seed, shape in enumerate([(20, 10, 4), *[(320, 2, 4)] * 20], start=1):
        image, owner = np.zeros((120, 160, 3), np.uint8), np.zeros((120, 160), np.int8)
        paste_cutout(image, owner, np.full(shape, 255, np.uint8), np.random.default_rng(seed))
        assert (owner == -1).any() or shape[1] == 2
        np.testing.assert_array_equal(owner == -1, image[..., 0] > 0)
