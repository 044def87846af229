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
from pose3d_ros.geometry import (
    Camera,
    apply_affine,
    aspect_box,
    crop_people,
    img2crop_affine,
    invert_affine,
    square_box,
)


def blob_image(
    centre_px: tuple[float, float], sigma_px: float, width: int = 320, height: int = 240
) -> npt.NDArray[Any]:
    """(height, width, 3) uint8, a Gaussian blob around a sub-pixel place."""
    v, u = np.mgrid[:height, :width]
    blob = 250 * np.exp(-((u - centre_px[0]) ** 2 + (v - centre_px[1]) ** 2) / (2 * sigma_px**2))
    return np.repeat(np.rint(blob).astype(np.uint8)[..., None], 3, axis=-1)


def blob_centre(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(2,) centre of mass in pixels, without the blob's faint rim."""
    weight = np.clip(image[..., 0].astype(float) - 12, 0, None)
    v, u = np.mgrid[: image.shape[0], : image.shape[1]]
    centre: npt.NDArray[Any] = np.array([(weight * u).sum(), (weight * v).sum()]) / weight.sum()
    return centre


def test_square_box_by_hand() -> None:
    # 40 x 80 about (60, 100), squared to 80 and scaled to 100.
    np.testing.assert_allclose(square_box([40, 60, 80, 140], 640, 480), [10, 50, 110, 150])
    # Clamped to the image's edges first: [-0.5, 19.5] x [100, 110].
    np.testing.assert_allclose(square_box([-50.0, 100.0, 19.5, 110.0], 640, 480, scale=1.0), [-0.5, 95, 19.5, 115])
    both = square_box(np.array([[40, 60, 80, 140], [-50, 100, 19.5, 110]]), 640, 480)
    np.testing.assert_allclose(both[0], [10, 50, 110, 150])
    assert both.shape == (2, 4)
    assert square_box(np.zeros((0, 4)), 640, 480).shape == (0, 4)


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
def test_bad_boxes(box: list[float]) -> None:
    with pytest.raises(InputError, match="box"):
        square_box(box, 640, 480)


def test_a_bad_box_in_a_batch_is_named() -> None:
    with pytest.raises(InputError, match=r"\[\[700\.0, 10\.0, 800\.0, 20\.0\]\]"):
        square_box([[0, 0, 10, 10], [700, 10, 800, 20]], 640, 480)


def test_affine_by_hand() -> None:
    # The whole image at its own size is the identity.
    np.testing.assert_allclose(img2crop_affine([-0.5, -0.5, 255.5, 255.5], 256), [[1, 0, 0], [0, 1, 0]])
    # A 100 px box to 200 px: its left edge at 10 becomes the crop's edge -0.5.
    affine = img2crop_affine([10, 20, 110, 120], 200)
    np.testing.assert_allclose(apply_affine(affine, [[10, 20], [110, 120]]), [[-0.5, -0.5], [199.5, 199.5]])
    assert img2crop_affine(np.ones((0, 4)), 200).shape == (0, 2, 3)


def test_aspect_box_by_hand() -> None:
    # 40 x 80 about (60, 100) is too slim for 3:4: 60 x 80, and a quarter more. 90 x 80 is too wide: 90 x 120.
    np.testing.assert_allclose(aspect_box([40, 60, 80, 140], 640, 480, 0.75), [22.5, 50, 97.5, 150])
    np.testing.assert_allclose(aspect_box([15, 60, 105, 140], 640, 480, 0.75, scale=1.0), [15, 40, 105, 160])
    with pytest.raises(InputError, match="aspect"):
        aspect_box([40, 60, 80, 140], 640, 480, 0.0)


@settings(deadline=None)
@given(x0=st.floats(0, 1e3), y0=st.floats(0, 1e3), width=st.floats(1, 500), height=st.floats(1, 500))
def test_an_aspect_of_one_is_the_square_bit_for_bit(x0: float, y0: float, width: float, height: float) -> None:
    box = np.array([x0, y0, x0 + width, y0 + height])
    centre, half = 0.5 * (box[:2] + box[2:]), 0.5 * 1.25 * (box[2:] - box[:2]).max()
    expected = np.concatenate([centre - half, centre + half])
    np.testing.assert_array_equal(aspect_box(box, 4000, 4000, 1.0), expected)
    np.testing.assert_array_equal(square_box(box, 4000, 4000), expected)


def test_crops_of_another_aspect() -> None:
    # The box of 3:4 above, 75 x 100 px, into 150 x 200: two crop pixels an image pixel.
    crops = crop_people(blob_image((60.0, 100.0), 9.0), [[40, 60, 80, 140]], (150, 200))
    assert crops.images.shape == (1, 200, 150, 3)
    np.testing.assert_allclose(crops.boxes_xyxy_px, [[22.5, 50, 97.5, 150]])
    np.testing.assert_allclose(
        apply_affine(crops.img2crop[0], [[22.5, 50], [97.5, 150]]), [[-0.5, -0.5], [149.5, 199.5]]
    )
    np.testing.assert_allclose(blob_centre(crops.images[0]), apply_affine(crops.img2crop[0], [60, 100]), atol=0.02)
    np.testing.assert_array_equal(
        crop_people(blob_image((60.0, 100.0), 9.0), [[40, 60, 80, 140]], (96, 96)).images,
        crop_people(blob_image((60.0, 100.0), 9.0), [[40, 60, 80, 140]], 96).images,
    )


def test_mmpose_convention() -> None:
    # TopdownAffine maps the box's centre, and the points half a width above and left of it, to those of the input.
    box = aspect_box([40, 60, 80, 140], 640, 480, 0.75)
    (x, y), half = (box[:2] + box[2:]) / 2, (box[2] - box[0]) / 2
    source = np.array([[x, y], [x, y - half], [x - half, y]], np.float32)
    target = np.array([[96, 128], [96, 32], [0, 128]], np.float32)
    official = cv2.getAffineTransform(source, target)
    np.testing.assert_allclose(img2crop_affine(box, (192, 256), half_pixel_centres=False), official, atol=1e-4)


def test_official_convention() -> None:
    # 3DMPPE builds its affine from three points: the centre and a step down and right of it, to size / 2 and edges.
    x0, y0, side, size = 33.0, 47.0, 150.0, 256
    centre, half = np.array([x0 + side / 2, y0 + side / 2]), side / 2
    source = np.array([centre, centre + np.array([0, half]), centre + np.array([half, 0])], np.float32)
    target = np.array([[size / 2, size / 2], [size / 2, size], [size, size / 2]], np.float32)
    official = cv2.getAffineTransform(source, target)
    ours = img2crop_affine([x0, y0, x0 + side, y0 + side], size, half_pixel_centres=False)
    np.testing.assert_allclose(ours, official, atol=1e-5)
    exact = img2crop_affine([x0, y0, x0 + side, y0 + side], size)
    np.testing.assert_allclose(ours[:, 2] - exact[:, 2], 0.5)


@pytest.mark.parametrize(("box", "size"), [([0, 0, 0, 5], 64), ([5, 5, 0, 9], 64), ([0, 0, 5, 5], 0)])
def test_affine_of_nothing(box: list[float], size: int) -> None:
    with pytest.raises(InputError, match="crop"):
        img2crop_affine(box, size)


finite = st.floats(-1e3, 1e3)


@settings(deadline=None)
@given(
    rows=st.tuples(finite, finite, finite, finite, finite, finite).filter(
        lambda r: abs(r[0] * r[4] - r[1] * r[3]) > 1e-2 * (1 + sum(x * x for x in r[:2] + r[3:5]))
    ),
    point=st.tuples(finite, finite),
)
def test_affine_round_trip(rows: tuple[float, ...], point: tuple[float, float]) -> None:
    affine = np.array(rows).reshape(2, 3)
    back = apply_affine(invert_affine(affine), apply_affine(affine, point))
    np.testing.assert_allclose(back, point, rtol=1e-7, atol=1e-4)


@settings(deadline=None)
@given(x0=finite, y0=finite, side=st.floats(1.0, 2e3), size=st.integers(1, 512), point=st.tuples(finite, finite))
def test_crop_round_trip(x0: float, y0: float, side: float, size: int, point: tuple[float, float]) -> None:
    img2crop = img2crop_affine([x0, y0, x0 + side, y0 + side], size)
    back = apply_affine(invert_affine(img2crop), apply_affine(img2crop, point))
    np.testing.assert_allclose(back, point, atol=1e-6)


def test_affines_share_their_points() -> None:
    affines = np.array([[[1.0, 0, 10], [0, 1, 20]], [[2.0, 0, 0], [0, 3, 0]]])
    joints = np.array([[[1.0, 1], [2, 2], [np.nan, 3]], [[1.0, 1], [2, 2], [3, 3]]])
    expected = np.array([[[11.0, 21], [12, 22], [np.nan, np.nan]], [[2, 3], [4, 6], [6, 9]]])
    result = apply_affine(affines, joints)
    np.testing.assert_allclose(result[1], expected[1])
    np.testing.assert_allclose(result[0, :2], expected[0, :2])
    assert np.isnan(result[0, 2]).any()
    np.testing.assert_allclose(apply_affine(affines, joints[:, 0]), [[11, 21], [2, 3]])
    np.testing.assert_allclose(apply_affine(affines[0], joints[1]), [[11, 21], [12, 22], [13, 23]])
    np.testing.assert_allclose(invert_affine(affines)[1], [[0.5, 0, 0], [0, 1 / 3, 0]])
    assert apply_affine(np.zeros((0, 2, 3)), np.zeros((0, 5, 2))).shape == (0, 5, 2)


def test_bad_affines() -> None:
    with pytest.raises(InputError, match="invertible"):
        invert_affine(np.array([[1.0, 1, 0], [1, 1, 0]]))
    with pytest.raises(InputError, match="invertible"):
        invert_affine(np.array([[np.nan, 1, 0], [1, 1, 0]]))
    with pytest.raises(InputError, match=r"\(\.\.\., 2, 3\)"):
        invert_affine(np.eye(3))
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
def test_a_blob_is_where_the_affine_says(
    u: float, v: float, side: float, shift: tuple[float, float], official: bool
) -> None:
    x0, y0 = u - side / 2 + shift[0], v - side / 2 + shift[1]
    crops = crop_people(blob_image((u, v), 9.0), [[x0, y0, x0 + side, y0 + side]], 80, half_pixel_centres=not official)
    expected = apply_affine(crops.img2crop[0], [u, v])
    np.testing.assert_allclose(blob_centre(crops.images[0]), expected, atol=0.02)


def test_the_whole_image_is_itself() -> None:
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    crops = crop_people(image, [[-0.5, -0.5, 63.5, 63.5]], 64, scale=1.0)
    np.testing.assert_array_equal(crops.images[0], image)


def test_batch_is_one_array() -> None:
    image = blob_image((100.0, 80.0), 9.0)
    boxes = np.array([[60.0, 40, 140, 120], [50, 50, 150, 100]])
    crops = crop_people(image, boxes, 96)
    assert len(crops) == 2
    assert crops.images.shape == (2, 96, 96, 3)
    assert crops.images.dtype == np.uint8
    assert crops.images.flags.c_contiguous
    np.testing.assert_allclose(crops.boxes_xyxy_px, square_box(boxes, 320, 240))
    np.testing.assert_array_equal(crops.images[1], crop_people(image, boxes[1:], 96).images[0])


def test_nobody() -> None:
    crops = crop_people(blob_image((100.0, 80.0), 9.0), np.zeros((0, 4)), 96)
    assert len(crops) == 0
    assert crops.images.shape == (0, 96, 96, 3)
    assert crops.img2crop.shape == (0, 2, 3)
    assert crops.boxes_xyxy_px.shape == (0, 4)
    assert len(crop_people(blob_image((100.0, 80.0), 9.0), [], 96)) == 0


def test_black_where_the_box_reaches_over_the_image() -> None:
    image = np.full((100, 100, 3), 200, np.uint8)
    crop = crop_people(image, [[0, 0, 20, 99.5]], 80, scale=1.0).images[0]
    # The square is 99.5 px about u = 10, so its left 39.75 - 0.5 px lie off the image.
    first_inside = round((39.75 - 0.5) * 80 / 99.5)
    assert not crop[:, : first_inside - 1].any()
    assert (crop[5:-5, first_inside + 2 :] == 200).all()


def test_crop_has_a_camera() -> None:
    camera = Camera(
        np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]]), 320, 240, np.array([-0.2, 0.05, 0, 0]), "plumb_bob"
    )
    point = np.array([0.2, -0.1, 2.0])
    pixel = camera.project(point)
    crops = crop_people(blob_image((pixel[0], pixel[1]), 9.0), [[150, 70, 230, 150]], 96)
    crop = crops.select(0, camera)
    np.testing.assert_allclose(crop.camera.project(point), apply_affine(crop.img2crop, pixel), atol=1e-9)
    np.testing.assert_allclose(blob_centre(crop.image), crop.camera.project(point), atol=0.02)
    assert (crop.camera.width_px, crop.camera.height_px) == (96, 96)
    np.testing.assert_array_equal(crop.box_xyxy_px, crops.boxes_xyxy_px[0])


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((0, 10, 3), np.uint8),
        np.zeros((10, 10, 3), np.float32),
    ],
)
def test_bad_images(image: npt.NDArray[Any]) -> None:
    with pytest.raises(InputError, match="image"):
        crop_people(image, [[0, 0, 5, 5]], 32)


def test_bad_boxes_are_refused_by_the_crop() -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    with pytest.raises(InputError, match="box"):
        crop_people(image, [[0, 0, 5]], 32)
    with pytest.raises(InputError, match="box"):
        crop_people(image, [[0, 0, np.nan, 5]], 32)


def test_a_view_of_an_image_is_cropped_alike() -> None:
    image = blob_image((100.0, 80.0), 9.0)
    view = np.repeat(image, 2, axis=1)[:, ::2]
    box = [[60.0, 40, 140, 120]]
    np.testing.assert_array_equal(crop_people(view, box, 64).images, crop_people(image, box, 64).images)
