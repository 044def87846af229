"""Crops: boxes, affines and images that agree to a fraction of a pixel."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.crop import (
    CropTransforms,
    apply_affine,
    aspect_box,
    crop_transforms,
    cut_crops,
    img2crop_affine,
    invert_affine,
)
from pose3d_ros.types import ImageArray


def cut(
    image: ImageArray, boxes: Any, size_px: Any, scale: float = 1.25, **how: Any
) -> tuple[ImageArray, CropTransforms]:
    """The crops around boxes of an image, and where they lie."""
    transforms = crop_transforms(boxes, image.shape[1], image.shape[0], size_px, scale, **how)
    return cut_crops(image, transforms.img2crop, transforms.size_px), transforms


def blob_image(
    center_px: tuple[float, float], sigma_px: float, width: int = 320, height: int = 240
) -> npt.NDArray[Any]:
    """(height, width, 3) uint8, a Gaussian blob around a sub-pixel position."""
    v, u = np.mgrid[:height, :width]
    blob = 250 * np.exp(-((u - center_px[0]) ** 2 + (v - center_px[1]) ** 2) / (2 * sigma_px**2))
    return np.repeat(np.rint(blob).astype(np.uint8)[..., None], 3, axis=-1)


def blob_center(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(2,) center of mass in pixels, without the blob's faint rim."""
    weight = np.clip(image[..., 0].astype(float) - 12, 0, None)
    v, u = np.mgrid[: image.shape[0], : image.shape[1]]
    center: npt.NDArray[Any] = np.array([(weight * u).sum(), (weight * v).sum()]) / weight.sum()
    return center


def test_aspect_box_by_hand() -> None:
    # 40 x 80 about (60, 100), squared to 80 and scaled to 100.
    np.testing.assert_allclose(aspect_box([40, 60, 80, 140], 640, 480, 1.0), [10, 50, 110, 150])
    # It is too slim for 3:4: 60 x 80, and a quarter more. 90 x 80 is too wide: 90 x 120.
    np.testing.assert_allclose(aspect_box([40, 60, 80, 140], 640, 480, 0.75), [22.5, 50, 97.5, 150])
    np.testing.assert_allclose(aspect_box([15, 60, 105, 140], 640, 480, 0.75, scale=1.0), [15, 40, 105, 160])
    # Clamped to the image's edges first: [-0.5, 19.5] x [100, 110].
    np.testing.assert_allclose(aspect_box([-50.0, 100, 19.5, 110], 640, 480, 1.0, scale=1.0), [-0.5, 95, 19.5, 115])
    both = aspect_box(np.array([[40, 60, 80, 140], [-50, 100, 19.5, 110]]), 640, 480, 1.0)
    np.testing.assert_allclose(both[0], [10, 50, 110, 150])
    assert both.shape == (2, 4)
    assert aspect_box(np.zeros((0, 4)), 640, 480, 1.0).shape == (0, 4)


@pytest.mark.parametrize(
    "box",
    [
        [10, 10, 10, 20],
        [10, 10, 20, 10],
        [20, 20, 10, 10],
        [np.nan, 10, 20, 20],
        [10, 10, np.inf, 20],
        [700, 10, 800, 20],
        [10, -50, 20, -10],
        [1, 2, 3],
        5.0,
    ],
)
def test_bad_boxes_are_refused(box: Any) -> None:
    with pytest.raises(InputError, match="box"):
        aspect_box(box, 640, 480, 1.0)
    with pytest.raises(InputError, match="box"):
        crop_transforms([box], 640, 480, 64)


def test_bad_box_in_a_batch_is_named() -> None:
    with pytest.raises(InputError, match=r"\[\[700\.0, 10\.0, 800\.0, 20\.0\]\]"):
        aspect_box([[0, 0, 10, 10], [700, 10, 800, 20]], 640, 480, 1.0)


def test_aspect_of_0_is_refused() -> None:
    with pytest.raises(InputError, match="aspect"):
        aspect_box([40, 60, 80, 140], 640, 480, 0.0)


def test_affine_by_hand() -> None:
    # The whole image at its own size is the identity.
    np.testing.assert_allclose(img2crop_affine([-0.5, -0.5, 255.5, 255.5], 256), [[1, 0, 0], [0, 1, 0]])
    # A 100 px box to 200 px: its left edge at 10 becomes the crop's edge -0.5.
    affine = img2crop_affine([10, 20, 110, 120], 200)
    np.testing.assert_allclose(apply_affine(affine, [[10, 20], [110, 120]]), [[-0.5, -0.5], [199.5, 199.5]])
    assert img2crop_affine(np.ones((0, 4)), 200).shape == (0, 2, 3)


def test_crops_of_another_aspect() -> None:
    # The box of 3:4 above, 75 x 100 px, into 150 x 200: two crop pixels an image pixel.
    crops, transforms = cut(blob_image((60.0, 100.0), 9.0), [[40, 60, 80, 140]], (150, 200))
    assert crops.shape == (1, 200, 150, 3)
    corners = apply_affine(transforms.img2crop[0], [[22.5, 50], [97.5, 150]])
    np.testing.assert_allclose(corners, [[-0.5, -0.5], [149.5, 199.5]])
    np.testing.assert_allclose(blob_center(crops[0]), apply_affine(transforms.img2crop[0], [60, 100]), atol=0.02)


@pytest.mark.parametrize("size_px", [(256, 256), (192, 256)])
def test_convention_of_3dmppe_and_mmpose(size_px: tuple[int, int]) -> None:
    # Both map the box's center, and the points half a width above and left of it, to those of the input.
    box = aspect_box([40, 60, 80, 140], 640, 480, size_px[0] / size_px[1])
    (x, y), half, (u, v) = (box[:2] + box[2:]) / 2, (box[2] - box[0]) / 2, np.array(size_px) / 2
    source = np.array([[x, y], [x, y - half], [x - half, y]], np.float32)
    target = np.array([[u, v], [u, v - u], [0, v]], np.float32)
    ours = img2crop_affine(box, size_px, half_pixel_centers=False)
    np.testing.assert_allclose(ours, cv2.getAffineTransform(source, target), atol=1e-4)
    np.testing.assert_allclose(ours[:, 2] - img2crop_affine(box, size_px)[:, 2], 0.5)


@pytest.mark.parametrize(("box", "size"), [([0, 0, 0, 5], 64), ([5, 5, 0, 9], 64), ([0, 0, 5, 5], 0)])
def test_affine_of_an_empty_box_is_an_error(box: list[float], size: int) -> None:
    with pytest.raises(InputError, match="crop"):
        img2crop_affine(box, size)


def test_inverted_affine_leads_back() -> None:
    rng = np.random.default_rng(0)
    affines, points = rng.normal(size=(20, 2, 3)), rng.normal(size=(20, 5, 2))
    np.testing.assert_allclose(apply_affine(invert_affine(affines), apply_affine(affines, points)), points, atol=1e-9)
    by_hand = invert_affine(np.array([[2.0, 0, 4], [0, 4, 0]]))
    np.testing.assert_allclose(by_hand, np.array([[0.5, 0, -2], [0, 0.25, 0]]))


def test_each_affine_has_its_own_points() -> None:
    affines = np.array([[[1.0, 0, 10], [0, 1, 20]], [[2.0, 0, 0], [0, 3, 0]]])
    joints = np.array([[[1.0, 1], [np.nan, 3]], [[1.0, 1], [3, 3]]])
    expected = np.array([[[11, 21], [np.nan, np.nan]], [[2, 3], [6, 9]]])
    np.testing.assert_allclose(apply_affine(affines, joints), expected)
    np.testing.assert_allclose(apply_affine(affines, joints[:, 0]), [[11, 21], [2, 3]])
    np.testing.assert_allclose(apply_affine(affines[0], joints[1]), [[11, 21], [13, 23]])
    assert apply_affine(np.zeros((0, 2, 3)), np.zeros((0, 5, 2))).shape == (0, 5, 2)


@pytest.mark.parametrize(
    ("affine", "message"),
    [
        ([[1.0, 1, 0], [1, 1, 0]], "invertible"),
        ([[np.nan, 1, 0], [1, 1, 0]], "invertible"),
        (np.eye(3), r"\(\.\.\., 2, 3\)"),
    ],
)
def test_affines_without_an_inverse_are_refused(affine: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        invert_affine(np.array(affine))


def test_points_that_do_not_fit_an_affine_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(2, \.\.\., 2\)"):
        apply_affine(np.ones((2, 2, 3)), np.ones((3, 5, 2)))
    with pytest.raises(InputError, match="points"):
        apply_affine(np.ones((2, 3)), np.ones((5, 3)))


@settings(max_examples=25, deadline=None)
@given(
    u=st.floats(120, 200),
    v=st.floats(90, 150),
    side=st.floats(70, 160),
    shift=st.tuples(st.floats(-6, 6), st.floats(-6, 6)),
    official=st.booleans(),
)
def test_blob_is_where_the_affine_says(
    u: float, v: float, side: float, shift: tuple[float, float], official: bool
) -> None:
    x0, y0 = u - side / 2 + shift[0], v - side / 2 + shift[1]
    crops, transforms = cut(
        blob_image((u, v), 9.0), [[x0, y0, x0 + side, y0 + side]], 80, half_pixel_centers=not official
    )
    np.testing.assert_allclose(blob_center(crops[0]), apply_affine(transforms.img2crop[0], [u, v]), atol=0.02)


def test_crop_of_the_whole_image_is_the_image() -> None:
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(cut(image, [[-0.5, -0.5, 63.5, 63.5]], 64, scale=1.0)[0][0], image)


def test_batch_is_one_array_whatever_the_images_strides() -> None:
    image, boxes = blob_image((100.0, 80.0), 9.0), np.array([[60.0, 40, 140, 120], [50, 50, 150, 100]])
    crops, transforms = cut(image, boxes, 96)
    assert (len(transforms), crops.shape, crops.dtype.name) == (2, (2, 96, 96, 3), "uint8")
    assert crops.flags.c_contiguous
    np.testing.assert_allclose(transforms.boxes_xyxy_px, aspect_box(boxes, 320, 240, 1.0))
    np.testing.assert_array_equal(crops[1], cut(image, boxes[1:], 96)[0][0])
    np.testing.assert_array_equal(crops, cut(np.repeat(image, 2, axis=1)[:, ::2], boxes, 96)[0])


@pytest.mark.parametrize("no_boxes", [np.zeros((0, 4)), []])
def test_no_people(no_boxes: Any) -> None:
    crops, transforms = cut(blob_image((100.0, 80.0), 9.0), no_boxes, 96)
    assert (len(transforms), crops.shape) == (0, (0, 96, 96, 3))
    assert (transforms.img2crop.shape, transforms.boxes_xyxy_px.shape) == ((0, 2, 3), (0, 4))


def test_black_where_the_box_reaches_over_the_image() -> None:
    crop = cut(np.full((100, 100, 3), 200, np.uint8), [[0, 0, 20, 99.5]], 80, scale=1.0)[0][0]
    # The square is 99.5 px about u = 10, so its left 39.75 - 0.5 px lie off the image.
    first_inside = round((39.75 - 0.5) * 80 / 99.5)
    assert not crop[:, : first_inside - 1].any()
    assert (crop[5:-5, first_inside + 2 :] == 200).all()
