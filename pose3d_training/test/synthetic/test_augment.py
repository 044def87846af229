"""Random exposure, blur, noise and compression of images."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_training.synthetic.augment import Disc, Occlusion, occlude, photograph


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


def changed_share(occlusion: Occlusion, seed: int = 0) -> list[float]:
    """Share of the pixels that were changed, of 300 crops."""
    rng, crop = np.random.default_rng(seed), np.full((64, 64, 3), 7, np.uint8)
    made = [occlude(crop, rng, occlusion) for _ in range(300)]
    assert (crop == 7).all()
    return [float((one != 7).any(axis=-1).mean()) for one in made]


def test_occluded_are_as_many_as_asked_and_never_all_of_a_crop() -> None:
    assert max(changed_share(Occlusion(0.0))) == 0
    shares = changed_share(Occlusion(0.4))
    assert np.mean(np.array(shares) > 0) == pytest.approx(0.4, abs=0.08)
    assert max(shares) < 0.6


def test_round_things_are_round_and_patches_are_not() -> None:
    rng, crop = np.random.default_rng(1), np.full((96, 96, 3), 7, np.uint8)
    for occlusion, least, most in ((Occlusion(1, 1, 0), 0.7, 0.85), (Occlusion(1, 0, 1), 0.97, 1.01)):
        for _ in range(20):
            ys, xs = np.nonzero((occlude(crop, rng, occlusion) != 7).any(axis=-1))
            filled = len(xs) / ((xs.max() - xs.min() + 1) * (ys.max() - ys.min() + 1))
            assert least < filled < most  # π/4 of the box around it, or all


def test_disc_hides_what_it_is_painted_over() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    disc = Disc(np.array([70.0, 20.0]), np.array([14.0, 9.0]), np.zeros(2), np.full(3, 250.0))
    hidden = disc.paint(image)
    pixels = np.stack(np.meshgrid(np.arange(80), np.arange(60)), axis=-1)
    np.testing.assert_array_equal(hidden, disc.hides(pixels))
    assert hidden[20].nonzero()[0].tolist() == list(range(57, 80))  # cut at the border; at 56 the distance is 1
    np.testing.assert_array_equal(image.any(axis=-1), hidden)
    assert image[20, 70].tolist() == [250, 250, 250]
    assert not disc.hides(np.array([np.nan, 20.0]))


def test_disc_off_the_image_changes_nothing() -> None:
    image = np.full((20, 20, 3), 9, np.uint8)
    assert not Disc(np.array([-50.0, 5.0]), np.array([9.0, 9.0]), np.zeros(2), np.zeros(3)).paint(image).any()
    assert (image == 9).all()


def test_random_discs_are_near_the_middle_of_the_persons_square() -> None:
    rng = np.random.default_rng(2)
    discs = [Disc.random(np.array([100.0, 50.0, 300.0, 250.0]), rng) for _ in range(200)]
    centers, radii = np.array([d.center_px for d in discs]), np.array([d.radii_px for d in discs])
    assert ((centers > [150, 100]) & (centers < [250, 200])).all()
    assert ((radii > 200 * 0.085) & (radii < 200 * 0.317)).all()
    assert np.ptp(radii) > 40
