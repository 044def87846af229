"""Layers of people over an image."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_training.synthetic.sequence import Layer, composite


def layer(value: float, alpha: list[float], depth: list[float]) -> Layer:
    shares, metres = np.array([alpha], np.float32), np.array([depth], np.float32)
    return Layer(np.full((*shares.shape, 3), value, np.float32), shares, metres, float(shares.sum()))


INF = np.inf


def test_layers_are_ordered_per_pixel() -> None:
    image = np.zeros((1, 3, 3), np.float32)
    one, two = layer(100, [1, 1, 0], [2, 3, INF]), layer(200, [1, 1, 1], [3, 2, 2])
    for layers in ((one, two), (two, one)):
        mixed, _ = composite(image, layers)
        assert mixed[0, :, 0].tolist() == [100, 200, 200]
    _, seen = composite(image, [one, two])
    assert seen.tolist() == [1, 2]


def test_half_transparent_layer_blends_by_half() -> None:
    image = np.full((1, 1, 3), 40, np.float32)
    near, far = layer(100, [0.5], [1]), layer(200, [1.0], [2])
    mixed, seen = composite(image, [near, far])
    assert mixed[0, 0, 0] == pytest.approx(150)
    assert seen.tolist() == pytest.approx([0.5, 0.5])


def test_image_without_layers_is_unchanged() -> None:
    image = np.full((1, 2, 3), 40, np.float32)
    mixed, seen = composite(image, [layer(9, [0, 1], [INF, 3])])
    assert mixed[0, :, 0].tolist() == [40, 9]
    assert seen.tolist() == [1]
    assert (image == 40).all()
