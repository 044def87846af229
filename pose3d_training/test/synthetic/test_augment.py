"""Random exposure, blur, noise and compression of images."""

from __future__ import annotations

import numpy as np

from pose3d_training.synthetic.augment import photograph


def test_photograph_is_deterministic_and_keeps_the_content() -> None:
    image = np.zeros((48, 65, 3), np.uint8)
    image[:, 32:] = 180
    for seed in range(30):
        first, second = (photograph(image, np.random.default_rng(seed)) for _ in range(2))
        assert first.shape == image.shape
        assert first.dtype == np.uint8
        np.testing.assert_array_equal(first, second)
        assert first[:, 45:].mean() > first[:, :20].mean() + 20
    assert (image[:, 32:] == 180).all()
