"""Square, turned parts of an image: constructors, affines and corners by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.crop import apply_affine, invert_affine
from pose3d_ros.geometry.regions import Regions

QUARTER = np.pi / 2


def made(centers_px: Any, sides_px: Any, angles_rad: Any) -> Regions:
    """Regions of lists."""
    return Regions(np.array(centers_px, float), np.array(sides_px, float), np.array(angles_rad, float))


NUMBER = st.floats(-500, 500)


def test_from_boxes_is_square_about_the_middle() -> None:
    regions = Regions.from_boxes([[10, 20, 50, 100], [0, 0, 80, 40]])
    np.testing.assert_allclose(regions.centers_px, [[30, 60], [40, 20]])
    np.testing.assert_allclose(regions.sides_px, [100, 100])
    np.testing.assert_allclose(regions.angles_rad, 0)
    np.testing.assert_allclose(Regions.from_boxes([[0, 0, 80, 40]], scale=1.0).sides_px, [80])
    assert len(Regions.from_boxes([])) == 0


@pytest.mark.parametrize(
    ("top_px", "angle_rad"), [((100, 60), 0), ((140, 100), QUARTER), ((60, 100), -QUARTER), ((100, 140), np.pi)]
)
def test_from_keypoints_turns_the_head_up(top_px: tuple[float, float], angle_rad: float) -> None:
    regions = Regions.from_keypoints([[100, 100]], [top_px])
    np.testing.assert_allclose(regions.sides_px, [2 * 40 * 1.25])
    np.testing.assert_allclose(regions.angles_rad, [angle_rad], atol=1e-12)
    # The head's point lies straight above the crop's middle, at 1 / (2 · 1.25) of its side.
    np.testing.assert_allclose(apply_affine(regions.img2crop(101)[0], np.array(top_px)), [50, 50 - 40.4], atol=1e-9)


def test_img2crop_by_hand() -> None:
    # A region of 4 px about (10, 20) in 8 px: its left edge 8 is the crop's -0.5, its right one 12 the crop's 7.5.
    upright = made([[10.0, 20.0]], [4.0], [0.0]).img2crop(8)[0]
    np.testing.assert_allclose(
        apply_affine(upright, [[8, 18], [12, 22], [10, 20]]), [[-0.5, -0.5], [7.5, 7.5], [3.5, 3.5]]
    )
    # Head to the right: right in the image is up in the crop, down in the image is right.
    turned = made([[10.0, 20.0]], [4.0], [QUARTER]).img2crop(8)[0]
    np.testing.assert_allclose(apply_affine(turned, [[12, 20], [10, 22]]), [[3.5, -0.5], [7.5, 3.5]], atol=1e-12)


@given(x=NUMBER, y=NUMBER, side=st.floats(1, 900), angle=st.floats(-10, 10))
def test_corners_are_the_corners_of_the_crop(x: float, y: float, side: float, angle: float) -> None:
    regions = made([[x, y]], [side], [angle])
    corners = np.array([[-0.5, -0.5], [255.5, -0.5], [255.5, 255.5], [-0.5, 255.5]])
    np.testing.assert_allclose(
        apply_affine(invert_affine(regions.img2crop(256)), corners[None]), regions.corners_px(), atol=1e-9
    )


@given(x=NUMBER, y=NUMBER, dx=st.floats(-90, 90), dy=st.floats(1, 90))
def test_keypoints_survive_the_way_into_the_crop_and_back(x: float, y: float, dx: float, dy: float) -> None:
    regions = Regions.from_keypoints([[x, y]], [[x + dx, y + dy]])
    img2crop = regions.img2crop(256)
    points = np.array([[[x, y], [x + dx, y + dy]]])
    np.testing.assert_allclose(apply_affine(invert_affine(img2crop), apply_affine(img2crop, points)), points, atol=1e-9)


def test_chosen_and_concatenated() -> None:
    three = made([[1, 2], [3, 4], [5, 6]], [1, 2, 3], [0, 0.1, 0.2])
    two = three.chosen(np.array([True, False, True]))
    np.testing.assert_allclose(two.sides_px, [1, 3])
    assert len(three.chosen([])) == 0
    all_five = Regions.concatenated([three, Regions.empty(), two])
    np.testing.assert_allclose(all_five.centers_px[:, 0], [1, 3, 5, 1, 5])
    np.testing.assert_allclose(all_five.angles_rad, [0, 0.1, 0.2, 0, 0.2])
    assert len(Regions.concatenated([])) == 0
    assert Regions.empty().img2crop(256).shape == (0, 2, 3)
    assert Regions.empty().corners_px().shape == (0, 4, 2)


@pytest.mark.parametrize(
    ("centers", "sides", "angles"),
    [
        ([[1, 2]], [0.0], [0.0]),
        ([[1, np.nan]], [1.0], [0.0]),
        ([[1, 2]], [1.0, 2.0], [0.0, 0.0]),
        ([1, 2], [1.0], [0.0]),
        ([[1, 2]], 1.0, [0.0]),
    ],
)
def test_refuses_what_is_no_region(centers: object, sides: object, angles: object) -> None:
    with pytest.raises(InputError, match="regions"):
        made(centers, sides, angles)


def test_refuses_keypoints_in_one_place() -> None:
    with pytest.raises(InputError, match="above 0"):
        Regions.from_keypoints([[3, 4]], [[3, 4]])
