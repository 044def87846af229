"""Crops around people, exact to a fraction of a pixel, with the affines and cameras that belong to them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array, ImageArray


@dataclass(frozen=True, eq=False)
class CropTransforms:
    """The affine transforms of the crops of a frame's people.

    img2crop: (N, 2, 3) float64, image pixels to crop pixels. boxes_xyxy_px: (N, 4) float64, the boxes to cut
    (processed: clamped, brought to the crop's aspect ratio, scaled), in the image. size_px: width and height of a crop.
    """

    img2crop: Array
    boxes_xyxy_px: Array
    size_px: tuple[int, int]

    def __len__(self) -> int:
        return len(self.img2crop)

    def mirrored(self, at: npt.NDArray[np.intp]) -> CropTransforms:
        """The mirror images of some crops: x' becomes width − 1 − x'."""
        img2crop = self.img2crop[at].copy()
        img2crop[:, 0] *= -1
        img2crop[:, 0, 2] += self.size_px[0] - 1
        return CropTransforms(img2crop, self.boxes_xyxy_px[at], self.size_px)


def aspect_box(
    box_xyxy_px: npt.ArrayLike,
    image_width_px: int,
    image_height_px: int,
    aspect: float,
    scale: float = 1.25,
    *,
    inset_px: float = 0.0,
) -> Array:
    """The box clamped to the image, its shorter side grown about the center until width = aspect · height, and scaled.

    1 makes it square (Moon 2019, sec. 6.1, with the scale 1.25); others are as mmpose's TopdownAffine does it.
    box_xyxy_px: (4,) or (N, 4), pixels. inset_px: what is taken off each side of the clamped box; 1/2 gives the boxes
    of 3DMPPE's code, which reach from the first pixel's center to the last one's. Returns the same shape, float64,
    pixels; it may reach over the image.
    Raises InputError for a box with NaN or without an area inside the image, and an aspect that is not above 0.
    """
    if not aspect > 0:
        raise InputError("aspect", expected="a ratio above 0", got=f"{aspect}", fix="Give width / height.")
    boxes = _checked_boxes(box_xyxy_px)
    high = np.array([image_width_px, image_height_px] * 2) - 0.5
    clamped = np.clip(boxes, -0.5, high) + np.array([inset_px] * 2 + [-inset_px] * 2)
    sides = clamped[..., 2:] - clamped[..., :2]
    if not (sides > 0).all():
        raise InputError(
            "box",
            expected=f"an area above 0 inside the {image_width_px}x{image_height_px} image",
            got=f"{boxes[(sides <= 0).any(axis=-1)].tolist()} (x0, y0, x1, y1)",
            fix="Drop boxes that are empty or off the image.",
        )
    center = 0.5 * (clamped[..., :2] + clamped[..., 2:])
    height = np.maximum(sides[..., 1:], sides[..., :1] / aspect)
    half = 0.5 * scale * np.concatenate([aspect * height, height], axis=-1)
    return np.concatenate([center - half, center + half], axis=-1)


def img2crop_affine(
    box_xyxy_px: npt.ArrayLike,
    size_px: int | tuple[int, int],
    *,
    half_pixel_centers: bool = True,
    corner_centers: bool = False,
) -> Array:
    """The affine that takes image pixels to the pixels of a crop.

    box_xyxy_px: (4,) or (N, 4), the part of the image to cut. size_px: width and height of the crop, or the side of a
    square one. Returns (2, 3) or (N, 2, 3) float64.
    With half_pixel_centers the box's edges become the crop's edges: u' = (u - x0) S / w - 1/2, the convention of this
    package. Without, u' = (u - x0) S / w, the convention of the official 3DMPPE code (`gen_trans_from_patch_cv`),
    half a crop pixel off: for its networks only. With corner_centers the centers of the crop's outer pixels lie on the
    box's edges: u' = (u - x0) (S - 1) / w, unbiased data processing (Huang 2020), whatever half_pixel_centers is.
    Raises InputError for a box with NaN or without an area, or a size below 1.
    """
    boxes = _checked_boxes(box_xyxy_px)
    sides = boxes[..., 2:] - boxes[..., :2]
    size = np.array(_width_height(size_px))
    if not (sides > 0).all() or (size < 1 + corner_centers).any():
        raise InputError(
            "crop",
            expected="a box with x1 > x0 and y1 > y0, and a size above 0",
            got=f"{boxes.tolist()} to {size_px} px",
            fix="Drop empty boxes; boxes are x0, y0, x1, y1.",
        )
    scale = (size - corner_centers) / sides
    affine = np.zeros((*boxes.shape[:-1], 2, 3))
    affine[..., 0, 0], affine[..., 1, 1] = scale[..., 0], scale[..., 1]
    affine[..., 2] = -boxes[..., :2] * scale - (0.5 if half_pixel_centers and not corner_centers else 0.0)
    return affine


def invert_affine(affine: npt.ArrayLike) -> Array:
    """The inverse. affine: (..., 2, 3). Returns the same shape, float64. Raises InputError for a singular one."""
    forward = _checked_affine(affine)
    linear, shift = forward[..., :2], forward[..., 2:]
    determinant = linear[..., 0, 0] * linear[..., 1, 1] - linear[..., 0, 1] * linear[..., 1, 0]
    if not np.all(np.isfinite(determinant) & (determinant != 0)):
        raise InputError(
            "affine",
            expected="an invertible one",
            got=f"{forward.tolist()}",
            fix="It flattens the image to a line or a point.",
        )
    inverse = np.empty_like(linear)
    inverse[..., 0, 0], inverse[..., 1, 1] = linear[..., 1, 1], linear[..., 0, 0]
    inverse[..., 0, 1], inverse[..., 1, 0] = -linear[..., 0, 1], -linear[..., 1, 0]
    inverse /= determinant[..., None, None]
    return np.concatenate([inverse, -inverse @ shift], axis=-1)


def apply_affine(affine: npt.ArrayLike, points: npt.ArrayLike) -> Array:
    """Points through an affine.

    affine: (*B, 2, 3). points: (*B, ..., 2): the axes after B share their affine, so (2, 3) takes any points and
    (N, 2, 3) takes (N, J, 2). Returns the points' shape, float64; NaN stays NaN. Raises InputError for other shapes.
    """
    matrices = _checked_affine(affine)
    array = np.asarray(points, dtype=np.float64)
    batch = matrices.shape[:-2]
    if array.ndim < len(batch) + 1 or array.shape[-1] != 2 or array.shape[: len(batch)] != batch:
        raise InputError(
            "points",
            expected="an array (" + "".join(f"{n}, " for n in batch) + "..., 2)",
            got=f"shape {array.shape}",
            fix="Give points for each affine.",
        )
    shared = (1,) * (array.ndim - len(batch) - 1)
    matrices = matrices.reshape(*batch, *shared, 2, 3)
    return (matrices[..., :2] @ array[..., None])[..., 0] + matrices[..., 2]


def crop_transforms(
    boxes_xyxy_px: npt.ArrayLike,
    image_width_px: int,
    image_height_px: int,
    size_px: int | tuple[int, int],
    scale: float = 1.25,
    *,
    half_pixel_centers: bool = True,
    corner_centers: bool = False,
    inset_px: float = 0.0,
) -> CropTransforms:
    """The transforms of a crop around each box.

    boxes_xyxy_px: (N, 4), N may be 0. size_px: width and height of the crops, or the side of square ones. The boxes go
    through `aspect_box` with `scale` and `inset_px`, the affines come from `img2crop_affine`.
    Raises InputError for a bad box.
    """
    boxes = np.asarray(boxes_xyxy_px, dtype=np.float64)
    boxes = _checked_boxes(boxes if boxes.size else boxes.reshape(0, 4)).reshape(-1, 4)
    width, height = _width_height(size_px)
    cut = aspect_box(boxes, image_width_px, image_height_px, width / height, scale, inset_px=inset_px)
    affines = img2crop_affine(
        cut, (width, height), half_pixel_centers=half_pixel_centers, corner_centers=corner_centers
    )
    return CropTransforms(affines, cut, (width, height))


def cut_crops(image_bgr: ImageArray, img2crop: Array, size_px: tuple[int, int]) -> ImageArray:
    """The crops, (N, H, W, 3) uint8 BGR; bilinear, black where they reach over the image.

    image_bgr: (H, W, 3) uint8. img2crop: (N, 2, 3). OpenCV before 5 samples at the nearest 1/32 image pixel, OpenCV 5
    exactly.
    """
    images = np.empty((len(img2crop), size_px[1], size_px[0], 3), dtype=np.uint8)
    for image, affine in zip(images, img2crop, strict=True):
        cv2.warpAffine(image_bgr, affine, size_px, dst=image, flags=cv2.INTER_LINEAR)
    return images


def _width_height(size_px: int | tuple[int, int]) -> tuple[int, int]:
    return size_px if isinstance(size_px, tuple) else (size_px, size_px)


def _checked_boxes(box_xyxy_px: npt.ArrayLike) -> Array:
    boxes = np.asarray(box_xyxy_px, dtype=np.float64)
    if boxes.ndim not in (1, 2) or boxes.shape[-1] != 4 or not np.isfinite(boxes).all():
        raise InputError(
            "box",
            expected="(4,) or (N, 4) finite numbers x0, y0, x1, y1",
            got=f"shape {boxes.shape}: {boxes.tolist()}",
            fix="Drop detections without coordinates.",
        )
    return boxes


def _checked_affine(affine: npt.ArrayLike) -> Array:
    matrices = np.asarray(affine, dtype=np.float64)
    if matrices.shape[-2:] != (2, 3):
        raise InputError(
            "affine", expected="(..., 2, 3)", got=f"shape {matrices.shape}", fix="Give the two rows of the affine."
        )
    return matrices
