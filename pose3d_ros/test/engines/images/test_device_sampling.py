"""Where an image is read for its crops and reductions."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from pose3d_ros.engines.images.device_sampling import (
    area_samples,
    crop_positions,
    enlarging_area_samples,
    linear_samples,
    sample_crops,
)
from pose3d_ros.geometry.crop import img2crop_affine


def test_crop_positions_count_from_edge_to_edge() -> None:
    # Crop pixels 0 … 3 of an image of 8x2 are read at x = 1, 1.5, 2, 2.5, hence (2x + 1) / 8 - 1; the rows as they are.
    affine = np.array([[[2.0, 0.0, -2.0], [0.0, 1.0, 0.0]]])
    positions = crop_positions(affine, (4, 2), (8, 2), mirrored=True)
    np.testing.assert_allclose(positions[:, :4, 0], [[-0.625, -0.5, -0.375, -0.25], [-0.25, -0.375, -0.5, -0.625]])
    np.testing.assert_allclose(positions[:, 4:, 1], [[-0.5, 0.5]] * 2)
    assert not positions[:, :4, 1].any()
    assert not positions[:, 4:, 0].any()


def test_positions_of_a_turned_crop_are_sums_of_column_and_row() -> None:
    # A quarter turn: the crop's right is down in the image, its down is left. Crop pixel (1, 2) reads (5 - 2, 1 + 1).
    affine = np.array([[[0.0, 1.0, -1.0], [-1.0, 0.0, 5.0]]])
    positions = crop_positions(affine, (4, 3), (8, 4), mirrored=False)
    np.testing.assert_allclose(positions[0, 1] + positions[0, 4 + 2], [(2 * 3 + 1) / 8 - 1, (2 * 2 + 1) / 4 - 1])


@pytest.mark.parametrize("side_px", [3840, 7680])
def test_points_are_exact_in_large_images(side_px: int) -> None:
    # A ramp of 1000 to the pixel, so that whole levels are 1/1000 px.
    ramp = torch.arange(side_px, dtype=torch.float32).mul(1000).expand(1, 3, 2, side_px)
    box = np.array([[0.31 * side_px, -0.5, 0.97 * side_px, 1.5]])
    affine = img2crop_affine(box, (191, 2))
    positions = torch.from_numpy(crop_positions(affine, (191, 2), (side_px, 2), mirrored=False))
    read = sample_crops(ramp, positions, 191)[0, 0, 0].numpy() / 1000
    wanted = (np.arange(191) - affine[0, 0, 2]) / affine[0, 0, 0]
    assert np.abs(read - wanted).max() < 0.005


def test_linear_samples_are_pixel_centers() -> None:
    np.testing.assert_allclose(linear_samples(4, 2).positions_px[:, 0], [0.5, 2.5])
    np.testing.assert_allclose(linear_samples(2, 4).positions_px[:, 0], [-0.25, 0.25, 0.75, 1.25])


def test_area_samples_are_shares_of_pixels() -> None:
    # 5 pixels become 2: 1, 1, 1/2 of them and 1/2, 1, 1, each of 2.5. Shares of neighbors become one sample.
    samples = area_samples(5, 2)
    np.testing.assert_allclose(samples.positions_px, [[0.5, 2.0], [2 + 2 / 3, 4.0]])
    np.testing.assert_allclose(samples.weights, [[0.8, 0.2], [0.6, 0.4]])


def test_integer_reductions_use_no_extra_samples() -> None:
    samples = area_samples(12, 3)
    np.testing.assert_allclose(samples.positions_px[1], [4.5, 6.5])
    np.testing.assert_allclose(samples.weights, 0.5)


def test_enlarging_area_is_a_share_of_two_neighbors() -> None:
    # 2 pixels become 3: the middle one has a half of each.
    np.testing.assert_allclose(enlarging_area_samples(2, 3).positions_px[:, 0], [0.0, 0.5, 1.0])
