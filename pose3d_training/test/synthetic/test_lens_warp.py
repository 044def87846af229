"""Lens distortion of composed scenes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_ros.geometry import Camera
from pose3d_training.synthetic.lens_warp import LensWarp

WIDTH, HEIGHT, FOCAL = 160, 120, 100.0


def test_warped_image_agrees_with_its_camera() -> None:
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


def test_warp_leaves_no_empty_corners() -> None:
    camera = Camera.from_hfov(100.0, WIDTH, HEIGHT)
    owner = np.full((HEIGHT, WIDTH), 3, np.int8)
    for seed in range(20):
        warp = LensWarp.random(camera, np.random.default_rng(seed))
        assert (warp.owner(owner) == 3).mean() > 0.99


def test_warped_box_bounds_the_warped_person() -> None:
    camera = Camera.from_hfov(90.0, WIDTH, HEIGHT)
    owner = np.full((HEIGHT, WIDTH), -1, np.int8)
    owner[30:90, 20:50] = 0
    for seed in range(10):
        warp = LensWarp.random(camera, np.random.default_rng(seed))
        v, u = np.nonzero(warp.owner(owner) == 0)
        box = warp.boxes(np.array([[19.5, 29.5, 49.5, 89.5]]))[0]
        np.testing.assert_allclose([u.min() - 0.5, v.min() - 0.5, u.max() + 0.5, v.max() + 0.5], box, atol=1.5)
