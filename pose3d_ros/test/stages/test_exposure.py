"""Images that networks can't read as they are: which are changed, and to what."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.stages.exposure import exposure_curve, normalized_exposure
from pose3d_ros.types import ImageArray


def noise(low: float, high: float, size: tuple[int, int] = (120, 160)) -> ImageArray:
    """Gray levels evenly spread in 0–1."""
    levels = np.random.default_rng(0).uniform(low, high, (*size, 1))
    return np.repeat(np.rint(255 * levels).astype(np.uint8), 3, axis=2)


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.5), (0.1, 0.95), (0.3, 0.9)])
def test_usual_image_is_itself(low: float, high: float) -> None:
    image = noise(low, high)
    assert normalized_exposure(image) is image


def test_bright_image_of_full_contrast_is_itself() -> None:
    image = noise(0.0, 1.0)
    image[:100] = 255
    assert normalized_exposure(image) is image


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.1), (0.02, 0.22), (0.45, 0.55), (0.7, 0.9)])
def test_low_contrast_is_spread_about_the_usual_mean(low: float, high: float) -> None:
    changed = normalized_exposure(noise(low, high)) / 255
    assert 0.44 < changed.mean() < 0.56
    assert np.percentile(changed, 98) - np.percentile(changed, 2) > 0.9


def test_dark_image_with_a_lamp_becomes_brighter() -> None:
    image = noise(0.0, 0.15)
    image[:4] = 250
    assert image.mean() / 255 < 0.12
    assert normalized_exposure(image).mean() / 255 == pytest.approx(0.42, abs=0.05)


def test_noise_of_a_uniform_wall_does_not_become_an_image() -> None:
    assert normalized_exposure(noise(0.498, 0.506)).std() < 30


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
def test_uniform_images_stay_uniform(level: int) -> None:
    image = np.full((9, 7, 3), level, dtype=np.uint8)
    changed = normalized_exposure(image)
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    assert np.ptp(changed) == 0


def test_order_of_levels_stays() -> None:
    rng = np.random.default_rng(1)
    for scale in (0.05, 0.2, 0.4):
        curve = exposure_curve(np.bincount((rng.beta(2, 4, 5000) * scale * 255).astype(int), minlength=256))
        assert curve is not None
        assert (np.diff(curve) >= 0).all()
        assert curve[0] >= 0
        assert curve[-1] <= 1


def test_nothing_jumps_where_the_change_begins() -> None:
    levels = np.arange(256) / 255
    for high in (0.405, 0.415):  # the spread of the percentiles is 0.397 and 0.407
        curve = exposure_curve(np.bincount(np.linspace(0.0, 255 * high, 50000).astype(int), minlength=256))
        assert np.abs((levels if curve is None else curve) - levels).max() < 0.03
