"""Contact sheets of a made-up bank of sprites."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("moderngl")
pytest.importorskip("torch")

from pose3d_ros.errors import ConfigError, InputError
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import ImageArray
from pose3d_training.synthetic.sprite_bank import Sprite, SpriteRecord
from pose3d_training.tasks.datasets import DetectionSample, PoseSample
from pose3d_training.tasks.preview import Preview, crop_tile, depth_colors, detection_tile, sprite_tile, write_preview

SKELETON = get_skeleton("muco21")


def test_unknown_kind_or_bank_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="paintings"):
        write_preview(tmp_path, [], tmp_path / "a.png", Preview("paintings"))
    with pytest.raises(InputError, match="sprite bank"):
        write_preview(tmp_path, [], tmp_path / "a.png", Preview(""))


def test_preview_is_written_for_every_kind(sprite_record: Callable[..., SpriteRecord], tmp_path: Path) -> None:
    from pose3d_training.synthetic.sprites import ShardWriter

    writer = ShardWriter(tmp_path / "bank" / "shard-00")
    rng = np.random.default_rng(0)
    for i in range(12):
        joints = rng.uniform([-0.3, -0.8, -0.2], [0.3, 0.8, 0.2], (27, 3)) + [0.4 * (i % 4) - 0.6, 0.0, 3.0 + i]
        made = np.dstack([np.full((40, 16, 3), 15 * i, np.uint8), np.full((40, 16), 255, np.uint8)])
        x0 = round(float(48 + 100 * joints[:, 0].mean() / joints[:, 2].mean()))
        record = sprite_record(
            width_px=16, height_px=40, x0_px=x0, y0_px=16, image_width_px=96, image_height_px=72,
            K=np.array([[100.0, 0, 47.5], [0, 100.0, 35.5], [0, 0, 1]]), joints_cam_m=joints.astype(np.float32),
            alpha_box=np.array([x0, 16, x0 + 16, 56], np.float32), sun_share=0.0, person_seed=i, look_seed=i,
        )  # fmt: skip
        writer.add(made, record)
    writer.checkpoint()
    for kind in ("scenes", "crops", "detector", "sprites"):
        output = tmp_path / f"{kind}.png"
        write_preview(tmp_path / "bank", [], output, Preview(kind, seed=3))
        sheet = cv2.imread(str(output))
        assert sheet is not None
        assert sheet.shape[1] == 1680
        assert sheet.std() > 20
    again = tmp_path / "again.png"
    write_preview(tmp_path / "bank", [], again, Preview("crops", seed=3))
    assert again.read_bytes() == (tmp_path / "crops.png").read_bytes()
    with pytest.raises(InputError, match=r"a\.gif"):
        write_preview(tmp_path / "bank", [], tmp_path / "a.gif", Preview("sprites"))


def plain(width: int, height: int, color: tuple[int, int, int]) -> ImageArray:
    return np.full((height, width, 3), color, np.uint8)


def test_depth_colors_are_blue_for_near_and_red_for_far() -> None:
    near, middle, far = depth_colors(np.array([-2.0, 0.0, 2.0])).astype(int)
    assert near[0] > near[2]
    assert middle[1] > max(middle[0], middle[2])
    assert far[2] > far[0]
    np.testing.assert_array_equal(depth_colors(np.array([-9.0])), depth_colors(np.array([-0.6])))


def test_crop_tile_draws_joints_inside_only() -> None:
    joints = np.tile(np.array([[100.0, 100.0]], np.float32), (len(SKELETON), 1))
    joints[3] = [20.0, 40.0]
    inside = np.zeros(len(SKELETON), np.float32)
    inside[3] = 1
    depth = np.zeros(len(SKELETON), np.float32)
    sample = PoseSample(
        plain(128, 128, (0, 0, 0)), np.float32(4), joints, depth, np.float32(3.456), inside, np.float32(0.5)
    )
    tile = crop_tile(sample, SKELETON)
    assert tile.caption == "3.46 m, visible 50%"
    bright = np.argwhere(tile.image_bgr.max(axis=-1) > 100)
    np.testing.assert_allclose(bright.mean(axis=0), [40.5 * 3 - 0.5, 20.5 * 3 - 0.5], atol=0.6)


def test_detection_tile_shows_heat_boxes_and_ignored_cells() -> None:
    heat, weight, ltrb = (
        np.zeros((1, 8, 8), np.float32),
        np.ones((1, 8, 8), np.float32),
        np.zeros((4, 8, 8), np.float32),
    )
    heat[0, 4, 4] = 1
    ltrb[:, 4, 4] = 12
    weight[0, 0, 7] = 0
    tile = detection_tile(DetectionSample(plain(64, 64, (0, 0, 0)), heat, weight, ltrb, heat))
    assert tile.caption == "64 x 64, people 1"
    zoom = tile.image_bgr.shape[0] / 64

    def at(x: float, y: float) -> list[int]:
        return [int(v) for v in tile.image_bgr[round(zoom * (y + 0.5)), round(zoom * (x + 0.5))]]

    assert at(35.5, 35.5)[2] > 100  # the center's cell, 8·4 + 3.5, in the heat's orange
    assert at(60, 4)[0] == at(60, 4)[2] > at(60, 4)[1]  # purple
    assert min(at(23.5, 35.5)) > 200  # the box's left edge, 12 px from the center
    assert max(at(10, 50)) == 0


def test_sprite_tile_shows_visible_joints(sprite_record: Callable[..., SpriteRecord]) -> None:
    rgba = np.zeros((40, 20, 4), np.uint8)
    joints = np.tile(np.array([0.0, 0.0, 4.0], np.float32), (27, 1))
    record = sprite_record(
        width_px=20, height_px=40, x0_px=22, y0_px=4, joints_cam_m=joints, joint_self_visible=np.arange(27) == 0
    )
    sprite = Sprite(rgba=rgba, **vars(record))
    tile = sprite_tile(sprite)
    assert tile.caption == "1.70 m, at 4.0 m"
    # Pixel (31.5, 23.5) is (9.5, 19.5) in the sprite, enlarged 9 times and centered in a square of 360 px.
    bright = np.argwhere(tile.image_bgr.min(axis=-1) > 200)
    np.testing.assert_allclose(bright.mean(axis=0), [9 * 20 - 0.5, 90 + 9 * 10 - 0.5], atol=0.7)
