"""Scenes composed of made-up people: rectangles of one color at known places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pose3d_ros.types import ImageArray
from pose3d_training.synthetic.compose import Scene

pytest.importorskip("moderngl")

from pose3d_training.synthetic.compose import SceneComposer, clip_box, paste
from pose3d_training.synthetic.image_folders import Backgrounds
from pose3d_training.synthetic.sprite_bank import Sprite, SpriteBank, SpriteRecord
from pose3d_training.synthetic.sprites import ShardWriter

K = np.array([[100.0, 0, 31.5], [0, 100.0, 23.5], [0, 0, 1]])

Place = tuple[int, int, int, int, float, float]
"""x0, y0, width, height in pixels; depth and x in metres."""


def record(x0: int, y0: int, width: int, height: int, depth_m: float, x_m: float = 0.0) -> SpriteRecord:
    joints = np.tile(np.array([x_m, 0.0, depth_m], np.float32), (27, 1))
    box = np.array([x0 - 0.5, y0 - 0.5, x0 + width - 0.5, y0 + height - 0.5], np.float32)
    return SpriteRecord(
        offset=0, width_px=width, height_px=height, x0_px=x0, y0_px=y0, group=0, image_width_px=64, image_height_px=48,
        K=K, joints_cam_m=joints, joint_self_visible=np.ones(27, dtype=bool), alpha_box=box, height_m=1.7,
        clearance_m=0.0, camera_height_m=1.0, pitch_rad=0.0, roll_rad=0.0, cam2world=np.eye(4),
        sun_dir=np.array([0.0, 1.0, 0.0]), sun_share=0.5, person_seed=0,
        look_seed=0, clip="a", frame=0,
    )  # fmt: skip


def opaque(width: int, height: int, value: int = 200) -> ImageArray:
    return np.dstack([np.full((height, width, 3), value, np.uint8), np.full((height, width), 255, np.uint8)])


def sprite(x0: int, y0: int, width: int, height: int, value: int = 200) -> Sprite:
    return Sprite(rgba=opaque(width, height, value), **vars(record(x0, y0, width, height, 3.0)))


def bank(folder: Path, *people: Place) -> SpriteBank:
    writer = ShardWriter(folder / "shard-00")
    for x0, y0, width, height, depth_m, x_m in people:
        writer.add(opaque(width, height), record(x0, y0, width, height, depth_m, x_m))
    writer.checkpoint()
    return SpriteBank(folder)


class Fixed(np.random.Generator):
    """A generator that puts everybody in the scene, nothing in front of them, and a straight lens before it."""

    def __init__(self, count: int) -> None:
        super().__init__(np.random.PCG64(0))
        self.count = count

    def random(self, *args: Any, **kwargs: Any) -> Any:
        return 0.99

    def choice(self, n: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        if "p" in kwargs:
            return self.count if len(kwargs["p"]) > 4 else 0
        return np.asarray(n)[::-1][: args[0]] if args else 0


def composed(folder: Path, *people: Place) -> Scene:
    return SceneComposer(bank(folder, *people), Backgrounds([])).draw(Fixed(len(people)))


def test_boxes_are_cut_at_the_outer_edges_of_the_border_pixels() -> None:
    np.testing.assert_array_equal(clip_box(np.array([-9.0, 3, 90, 60]), 64, 48), [-0.5, 3, 63.5, 47.5])


def test_paste_covers_exactly_the_sprites_pixels() -> None:
    image, owner = np.zeros((48, 64, 3), np.uint8), np.full((48, 64), -1, np.int8)
    assert paste(image, owner, sprite(10, 20, 5, 4), 3, np.ones(3)) == 20
    assert (owner == 3).sum() == 20
    assert (owner[20:24, 10:15] == 3).all()
    assert (image[20:24, 10:15] == 200).all()
    assert image.sum() == 20 * 3 * 200


def test_paste_cuts_what_lies_outside() -> None:
    image, owner = np.zeros((48, 64, 3), np.uint8), np.full((48, 64), -1, np.int8)
    assert paste(image, owner, sprite(-3, 45, 5, 10), 0, np.ones(3)) == 2 * 3
    assert paste(image, owner, sprite(70, 0, 5, 5), 1, np.ones(3)) == 0
    assert np.unique(owner).tolist() == [-1, 0]


def test_a_gain_brightens_and_saturates_per_channel() -> None:
    image, owner = np.zeros((48, 64, 3), np.uint8), np.full((48, 64), -1, np.int8)
    paste(image, owner, sprite(0, 0, 2, 2), 0, np.array([0.5, 1.0, 2.0]))
    assert image[0, 0].tolist() == [100, 200, 255]


def test_the_nearer_person_hides_the_farther_and_shares_are_exact(tmp_path: Path) -> None:
    # Far: columns 10–29; near: columns 20–39, so that half of the far one is hidden.
    scene = composed(tmp_path, (20, 5, 20, 30, 2.0, 0.5), (10, 5, 20, 30, 4.0, 0.0))
    assert scene.joints_cam_m[:, 0, 2].tolist() == [4.0, 2.0]
    np.testing.assert_allclose(scene.visible, [0.5, 1.0])
    np.testing.assert_allclose(scene.boxes_xyxy_px, [[9.5, 4.5, 29.5, 34.5], [19.5, 4.5, 39.5, 34.5]])
    assert (scene.owner[5:35, 20:40] == 1).all()
    assert (scene.owner[5:35, 10:20] == 0).all()
    assert (scene.owner == -1).sum() == 48 * 64 - 30 * 30


def test_parts_outside_the_image_count_as_lost(tmp_path: Path) -> None:
    scene = composed(tmp_path, (-10, 0, 20, 30, 3.0, 0.0))
    np.testing.assert_allclose(scene.boxes_xyxy_px, [[-0.5, -0.5, 9.5, 29.5]])
    np.testing.assert_allclose(scene.visible, [0.5])


def test_nobody_stands_inside_another(tmp_path: Path) -> None:
    scene = composed(tmp_path, (0, 0, 10, 20, 3.0, 0.0), (20, 0, 10, 20, 3.1, 0.1), (40, 0, 10, 20, 3.0, 1.5))
    assert len(scene.visible) == 2


def test_an_empty_scene_is_an_image_with_nobody(tmp_path: Path) -> None:
    scene = SceneComposer(bank(tmp_path, (0, 0, 10, 20, 3.0, 0.0)), Backgrounds([])).draw(Fixed(0))
    assert scene.image_bgr.shape == (48, 64, 3)
    assert scene.boxes_xyxy_px.shape == (0, 4)
    assert scene.joints_cam_m.shape == (0, 27, 3)
    assert scene.visible.shape == (0,)


def test_one_seed_gives_one_scene(tmp_path: Path) -> None:
    composer = SceneComposer(bank(tmp_path, (5, 5, 10, 20, 3.0, 0.0), (30, 5, 10, 20, 4.0, 1.0)), Backgrounds([]))
    first, second = (composer.draw(np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.image_bgr, second.image_bgr)
    np.testing.assert_array_equal(first.boxes_xyxy_px, second.boxes_xyxy_px)


def test_backgrounds_are_cut_to_the_asked_size(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((300, 400, 3), 77, np.uint8))
    (tmp_path / "note.txt").write_text("not an image")
    backgrounds = Backgrounds([tmp_path])
    assert len(backgrounds) == 1
    drawn = backgrounds.draw(np.random.default_rng(0), 64, 48)
    assert drawn.shape == (48, 64, 3)
    assert (drawn == 77).all()
