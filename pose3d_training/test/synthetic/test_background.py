"""Procedural rooms and streets."""

from __future__ import annotations

import numpy as np

from pose3d_ros.types import ImageArray
from pose3d_training.synthetic.background import procedural_background
from pose3d_training.synthetic.scene_camera import GroupCamera


def test_background_is_deterministic_and_uses_textures() -> None:
    view = GroupCamera.random(np.random.default_rng(0)).view
    texture: ImageArray = np.zeros((40, 60, 3), np.uint8)
    texture[..., 1] = 255

    def green_share(textures: list[ImageArray]) -> float:
        images = [procedural_background(view, np.random.default_rng(seed), textures) for seed in range(4)]
        assert {image.shape for image in images} == {(view.height_px, view.width_px, 3)}
        channels = np.array(images, np.int64)
        return float((channels[..., 1] > channels[..., [0, 2]].max(axis=-1) + 60).mean())

    assert green_share([texture]) > green_share([]) + 0.1
    assert green_share([]) == green_share([])
