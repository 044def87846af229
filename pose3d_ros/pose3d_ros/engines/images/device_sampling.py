"""Where PyTorch's `grid_sample` reads an image for its crops and reductions: one kernel for all points of a result.

Positions are worked out in float64 on the host. `grid_sample` takes them from −1 to 1 between the image's edges
(align_corners False) in float32, which is exact to 1/1000 px in a 4K image. With align_corners True PyTorch would hand
crops to cuDNN, which copies the frame for every crop (`contiguousIfZeroInStrides` in its cudnn/GridSampler.cpp).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from pose3d_ros.engines.spec.entry import Normalization
from pose3d_ros.geometry.crop import invert_affine
from pose3d_ros.geometry.letterbox import Letterbox
from pose3d_ros.types import Array

_BEYOND = 9.0
"""A place outside of any image, as `grid_sample` counts."""
_LEAST_SHARE = 1e-6
"""Of a result's pixel: less is rounding, where the reduction is by an integer."""


class Scaling:
    """A `Normalization` as pixels · scale + shift. scale, shift: (1, 3, 1, 1) float32, in its order of channels."""

    def __init__(self, normalization: Normalization, device: torch.device) -> None:
        std = np.array(normalization.std)
        self.scale = _per_channel(normalization.scale / std, device)
        self.shift = _per_channel(-np.array(normalization.mean) / std, device)

    def apply(self, pixels: Tensor, out: Tensor) -> Tensor:
        """pixels: (N, 3, H, W) float32, whole gray levels. Returns `out`, which may be `pixels`."""
        return torch.addcmul(self.shift, pixels, self.scale, out=out)


def _per_channel(values: Array, device: torch.device) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).reshape(1, 3, 1, 1).to(device)


def crop_positions(
    img2crop: Array, size_px: tuple[int, int], image_size_px: tuple[int, int], *, mirrored: bool
) -> npt.NDArray[np.float32]:
    """Where the columns and the rows of crops lie in the image, as `grid_sample` counts.

    img2crop: (N, 2, 3). size_px, image_size_px: width and height. Returns (N, W + H, 2) float32, columns before rows:
    a crop's pixel is read at the sum of its column's and its row's, of which one is 0 unless the crop is turned.
    mirrored: (2N, W + H, 2), the mirror images behind the crops.
    """
    crop2img = invert_affine(img2crop)
    per_pixel = 2 / np.array(image_size_px)
    columns = np.arange(size_px[0])[:, None] * crop2img[:, None, :, 0] * per_pixel
    rows = np.arange(size_px[1])[:, None] * crop2img[:, None, :, 1] * per_pixel
    start = crop2img[:, :, 2] * per_pixel + 1 / np.array(image_size_px) - 1
    columns[..., 0] += start[:, None, 0]
    rows[..., 1] += start[:, None, 1]
    positions = np.concatenate([columns, rows], axis=1)
    if mirrored:
        positions = np.concatenate([positions, np.concatenate([columns[:, ::-1], rows], axis=1)])
    return positions.astype(np.float32)


def sample_crops(planes: Tensor, positions: Tensor, width_px: int) -> Tensor:
    """Crops in whole gray levels, bilinear, black beyond the image.

    planes: (1, 3, H, W) float32, the image. positions: (N, width_px + height, 2) of `crop_positions`.
    Returns (N, 3, height, width_px) float32, contiguous.
    """
    grid = positions[:, None, :width_px] + positions[:, width_px:, None]
    frames = planes.expand(len(positions), -1, -1, -1)
    sampled = functional.grid_sample(frames, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return sampled.round_()


def grid_positions(grids_px: Array, image_size_px: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Places (N, G, G, 2) in an image, x and y in pixels, as `grid_sample` counts: (N, 2, G, G) float32."""
    units = _unit(grids_px, np.array(image_size_px))
    return np.ascontiguousarray(np.moveaxis(units, -1, 1), dtype=np.float32)


def sample_grids(planes: Tensor, grids: Tensor, size_px: int, step_px: int) -> Tensor:
    """As `sample_crops`, for square crops of which every step_px-th pixel's place is known.

    grids: (N, 2, G, G) of `grid_positions`, see `RegionViews.grids_px`; NaN is black.
    """
    places = functional.interpolate(grids, scale_factor=step_px, mode="bilinear", align_corners=False)
    inner = slice(step_px, step_px + size_px)
    grid = places[:, :, inner, inner].permute(0, 2, 3, 1).nan_to_num_(nan=_BEYOND)
    frames = planes.expand(len(grids), -1, -1, -1)
    sampled = functional.grid_sample(frames, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return sampled.round_()


@dataclass(frozen=True, eq=False)
class AxisSamples:
    """What is read along one axis for each pixel of a resized image.

    positions_px: (n, S) float64, in image pixels; between two of them the image is linear. weights: (n, S) float64,
    rows sum to 1.
    """

    positions_px: Array
    weights: Array


def linear_samples(image_px: int, content_px: int) -> AxisSamples:
    """One sample at each pixel's center, as OpenCV's INTER_LINEAR does."""
    centers = (np.arange(content_px, dtype=np.float64) + 0.5) * (image_px / content_px) - 0.5
    return AxisSamples(centers[:, None], np.ones((content_px, 1)))


def area_samples(image_px: int, content_px: int) -> AxisSamples:
    """The average of all that a pixel covers, parts of image pixels by their share, as INTER_AREA does on reduction.

    Neighboring image pixels of weights a and b are one sample of weight a + b, b / (a + b) of the way between them.
    """
    scale = image_px / content_px
    start = np.arange(content_px)[:, None] * scale
    pairs = -(-(int(np.ceil(scale)) + 1) // 2)
    pixels: Array = np.floor(start) + np.arange(2 * pairs)
    shares: Array = np.clip(np.minimum(pixels + 1, start + scale) - np.maximum(pixels, start), 0, None) / scale
    shares[pixels >= image_px] = 0
    left, right = shares[:, ::2], shares[:, 1::2]
    weights = left + right
    forward = np.divide(right, weights, out=np.zeros_like(weights), where=weights > 0)
    used = weights.max(axis=0) > _LEAST_SHARE
    return AxisSamples((pixels[:, ::2] + forward)[:, used], weights[:, used])


def enlarging_area_samples(image_px: int, content_px: int) -> AxisSamples:
    """What INTER_AREA does on both axes as soon as one of them is enlarged: two neighbors (OpenCV's resize.cpp).

    In the same steps as there: their rounding moves some samples by a pixel.
    """
    result, inverse = np.arange(content_px), content_px / image_px
    first = np.floor(result * (1 / inverse))
    beyond = ((result + 1) - (first + 1) * inverse).astype(np.float32)
    forward = np.where(beyond > 0, beyond - np.floor(beyond), 0).astype(np.float64)
    return AxisSamples((first + forward)[:, None], np.ones((content_px, 1)))


class LetterboxSampler:
    """Makes one letterbox of one size of image, normalized. Every call fills the same memory, padding excepted."""

    def __init__(self, letterbox: Letterbox, image_size_px: tuple[int, int], scaling: Scaling) -> None:
        """image_size_px: width and height of the image after the letterbox's first reduction."""
        self._scaling, device = scaling, scaling.scale.device
        x, y = _letterbox_samples(letterbox, image_size_px)
        units = [_unit(a.positions_px.reshape(1, -1), n) for a, n in zip((x, y), image_size_px, strict=True)]
        self._grid = _grid(*(torch.tensor(unit, dtype=torch.float32, device=device) for unit in units))
        weights = y.weights[:, :, None, None] * x.weights
        averages = weights.shape[1] * weights.shape[3] > 1
        self._weights = torch.tensor(weights, dtype=torch.float32, device=device) if averages else None
        self._input = torch.zeros((1, 3, letterbox.height_px, letterbox.width_px), device=device)
        if letterbox.padding is not None:
            self._input += letterbox.padding * scaling.scale + scaling.shift
        top, left = letterbox.top_px, letterbox.left_px
        height, width = letterbox.content_height_px, letterbox.content_width_px
        self._content = self._input[:, :, top : top + height, left : left + width]

    def __call__(self, planes: Tensor) -> Tensor:
        """planes: (1, 3, H, W) float32, that image. Returns (1, 3, height_px, width_px) float32, contiguous."""
        sampled = functional.grid_sample(
            planes, self._grid, mode="bilinear", padding_mode="border", align_corners=False
        )
        if self._weights is not None:
            sampled = (sampled.reshape(1, 3, *self._weights.shape) * self._weights).sum(dim=(3, 5))
        self._scaling.apply(sampled.round_(), out=self._content)
        return self._input


def _letterbox_samples(letterbox: Letterbox, image_size_px: tuple[int, int]) -> tuple[AxisSamples, AxisSamples]:
    content_px = (letterbox.content_width_px, letterbox.content_height_px)
    samples = linear_samples
    if letterbox.averages:
        enlarges = content_px[0] > image_size_px[0] or content_px[1] > image_size_px[1]
        samples = enlarging_area_samples if enlarges else area_samples
    return samples(image_size_px[0], content_px[0]), samples(image_size_px[1], content_px[1])


def _unit(positions_px: Array, image_px: int | npt.NDArray[np.intp]) -> Array:
    """Pixels, whose centers are integers, → −1 and 1 at the image's edges."""
    return (2 * positions_px + 1) / image_px - 1


def _grid(x: Tensor, y: Tensor) -> Tensor:
    """(N, W) and (N, H) → (N, H, W, 2), x and y of each point."""
    shape = (len(x), y.shape[1], x.shape[1])
    return torch.stack((x[:, None].expand(shape), y[:, :, None].expand(shape)), dim=-1)
