"""Views of turned cameras: where they are taken, that they stand a person upright, and the exact way back."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.crop import apply_affine
from pose3d_ros.geometry.region_views import GRID_STEP_PX, RegionViews, cut_views, lens_bends
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.types import ImageArray

FISHEYE = Camera(
    np.array([[330.0, 0, 499.5], [0, 330, 499.5], [0, 0, 1]]),
    1000,
    1000,
    np.array([0.02, -0.01, 0.0, 0.0]),
    "equidistant",
)
NARROW = Camera.from_hfov(50.0, 640, 480)


def upright(camera: Camera, place_cam_m: tuple[float, float, float], roll_rad: float = 0.0) -> Regions:
    """The region of a body 2 m tall, whose middle is there, up along -y, rolled."""
    half = np.array([np.sin(roll_rad), -np.cos(roll_rad), 0.0])
    middle = np.array(place_cam_m)
    hips, top = camera.project(np.array([middle, middle + half]))
    return Regions.from_keypoints([hips], [top])


def square(half_m: float, views: RegionViews, distance_m: float) -> npt.NDArray[np.float64]:
    """(4, 3), corners of a square that faces the first view's camera, in the camera's frame."""
    corners = np.array([[-half_m, -half_m, 0], [half_m, -half_m, 0], [half_m, half_m, 0], [-half_m, half_m, 0]])
    facing: npt.NDArray[np.float64] = (corners + [0, 0, distance_m]) @ views.view2cam[0].T
    return facing


@pytest.mark.parametrize("place", [(0.0, 0.0, 4.0), (0.4, 0.1, 4.0)])
def test_views_near_the_axis_are_flat(place: tuple[float, float, float]) -> None:
    regions = upright(NARROW, place)
    views = RegionViews.of(NARROW, regions, 256)
    assert not views.bent.any()
    assert views.grids_px().shape == (0, 18, 18, 2)
    points = np.array([[[10.0, 20.0], [200.0, 100.0]]])
    np.testing.assert_allclose(apply_affine(regions.img2crop(256), views.crop2img(points)), points, atol=1e-9)


@pytest.mark.parametrize("place", [(4.0, 0.5, 2.5), (-4.0, 0.3, 2.5), (2.5, 2.0, 2.5)])
@pytest.mark.parametrize("roll_rad", [0.0, 0.5, -2.0])
def test_bent_view_shows_a_square_as_a_square(place: tuple[float, float, float], roll_rad: float) -> None:
    regions = upright(FISHEYE, place, roll_rad)
    views = RegionViews.of(FISHEYE, regions, 256, most_bent=0.03)
    assert views.bent.all()
    corners = square(0.5, views, float(np.linalg.norm(place)))
    # What a pinhole of that focal length sees of it, and where the fisheye images that.
    seen = 127.5 + views.focals_px[0] * (corners @ views.view2cam[0])[:, :2] / np.linalg.norm(place)
    np.testing.assert_allclose(views.crop2img(seen[None])[0], FISHEYE.project(corners), atol=1e-6)
    # The region's middle is the view's, and its up is up.
    np.testing.assert_allclose(views.crop2img(np.array([[[127.5, 127.5]]]))[0, 0], regions.centers_px[0], atol=1e-6)
    above = views.crop2img(np.array([[[127.5, 117.5]]]))[0, 0] - regions.centers_px[0]
    angle = np.arctan2(above[0], -above[1]) - regions.angles_rad[0]
    assert abs(np.angle(np.exp(1j * angle))) < 0.1


def test_bent_view_is_as_large_as_the_flat_one() -> None:
    regions = upright(FISHEYE, (4.0, 0.5, 2.5))
    views = RegionViews.of(FISHEYE, regions, 256)
    ends = views.crop2img(np.array([[[127.5, 127.5 - 51.2], [127.5, 127.5 + 51.2]]]))[0]
    assert np.linalg.norm(ends[1] - ends[0]) / regions.sides_px[0] == pytest.approx(0.4, rel=0.01)


def test_wide_pinhole_is_bent_at_its_border_only() -> None:
    camera = Camera.from_hfov(100.0, 1280, 720)
    middle, border = upright(camera, (0.1, 0.0, 3.0)), upright(camera, (3.2, 0.0, 3.0))
    views = RegionViews.of(camera, Regions.concatenated([middle, border]), 256)
    assert views.bent.tolist() == [False, True]
    assert len(views.grids_px()) == 1


def test_grid_holds_the_places_of_its_pixels() -> None:
    views = RegionViews.of(FISHEYE, upright(FISHEYE, (4.0, 0.5, 2.5)), 224)
    grid = views.grids_px()
    assert grid.shape == (1, 16, 16, 2)
    first = -(GRID_STEP_PX + 1) / 2
    at = np.array([[[first, first], [first + GRID_STEP_PX * 15, first], [first, first + GRID_STEP_PX]]])
    np.testing.assert_allclose(grid[0, [0, 0, 1], [0, 15, 0]], views.crop2img(at)[0], atol=1e-9)


@pytest.mark.parametrize("camera", [FISHEYE, NARROW], ids=["bent", "flat"])
@pytest.mark.parametrize("size_px", [256, 100])
@pytest.mark.parametrize("axis", [0, 1])
def test_pixels_are_read_where_the_view_says(camera: Camera, size_px: int, axis: int) -> None:
    regions = upright(camera, (2.2, 0.4, 1.5) if camera is FISHEYE else (0.3, 0.1, 4.0), 0.3)
    views = RegionViews.of(camera, regions, size_px)
    assert views.bent[0] == (camera is FISHEYE)
    assert (views.reductions[0] > 1) == (size_px == 100)
    # Gray levels are pixels along one axis, from the region's middle on.
    ramp = np.indices((camera.height_px, camera.width_px))[1 - axis] - regions.centers_px[0, axis].round() + 128
    crop = cut_views(np.repeat(ramp.clip(0, 255).astype(np.uint8)[..., None], 3, axis=-1), views)[0, ..., 0]
    pixels = np.stack(np.meshgrid(np.arange(size_px), np.arange(size_px)), axis=-1).reshape(1, -1, 2)
    places = views.crop2img(pixels.astype(float))[0]
    wanted = places[:, axis] - regions.centers_px[0, axis].round()
    inside = (np.abs(wanted) < 100) & ((places > 9) & (places < [camera.width_px - 9, camera.height_px - 9])).all(
        axis=1
    )
    off = crop.ravel()[inside] - 128.0 - wanted[inside]
    assert inside.mean() > 0.4
    assert abs(off.mean()) < (0.06 if size_px == 256 else 0.5)  # averages of a ramp end in a half, and are rounded
    assert np.abs(off).max() < (0.8 if size_px == 256 else 1.8)


def test_what_the_camera_does_not_see_is_black() -> None:
    regions = upright(FISHEYE, (12.0, 0.0, 1.5))
    views = RegionViews.of(FISHEYE, regions, 128)
    white = np.full((1000, 1000, 3), 255, dtype=np.uint8)
    crop = cut_views(white, views)[0]
    assert views.bent.all()
    assert (crop[64, :50] == 255).all()
    assert (crop[64, -7:] == 0).all()


def test_middle_that_the_camera_does_not_see_is_flat() -> None:
    beyond = Regions(np.array([[5000.0, 500.0]]), np.array([100.0]), np.array([0.0]))
    views = RegionViews.of(FISHEYE, beyond, 256)
    assert not views.bent.any()
    assert np.isfinite(views.view2cam).all()
    assert len(RegionViews.of(FISHEYE, Regions.empty(), 256)) == 0


def test_lens_bends_by_how_its_scale_differs_from_a_pinholes() -> None:
    regions = Regions(
        np.array([[499.5, 499.5], [800.0, 499.5], [40.0, 40.0], [5000.0, 0.0]]), np.full(4, 100.0), np.zeros(4)
    )
    np.testing.assert_array_equal(lens_bends(NARROW, regions), np.zeros(4))
    lens = Camera(FISHEYE.K_px, 1000, 1000, np.zeros(4), "equidistant")
    middle, border, corner, unseen = lens_bends(lens, regions)
    # At 300.5 px, an angle of 0.9106, 40 px more are 330 tan(0.9106 + 40 / 330) - 330 tan(0.9106) px of a pinhole.
    along = 330 * (np.tan(300.5 / 330 + 40 / 330) - np.tan(300.5 / 330)) - 40
    assert middle < 0.01
    assert border == pytest.approx(along / 100, rel=0.25)  # and somewhat more in the corners of the square
    assert border >= along / 100
    assert corner > border
    assert unseen == np.inf


@pytest.mark.parametrize("camera", [FISHEYE, NARROW], ids=["bent", "flat"])
def test_mirrored_views_show_the_mirror_images(camera: Camera) -> None:
    regions = upright(camera, (2.2, 0.4, 1.5) if camera is FISHEYE else (0.3, 0.1, 4.0), 0.3)
    views = RegionViews.of(camera, regions, 64)
    points = np.array([[[10.0, 20.0], [50.0, 30.0]]])
    reflected = np.array([63.0, 0.0]) + points * [-1.0, 1.0]
    np.testing.assert_allclose(views.mirrored().crop2img(reflected), views.crop2img(points), atol=1e-9)


def sampled(image: ImageArray, places_px: npt.NDArray[np.float64]) -> ImageArray:
    """The image at those places, (H, W, 2)."""
    x, y = np.moveaxis(np.nan_to_num(places_px, nan=-99.0).astype(np.float32), -1, 0)
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR), dtype=np.uint8)


def test_bent_view_of_a_fisheye_image_is_what_a_turned_pinhole_sees() -> None:
    # A pinhole's image of noise, seen by a fisheye whose axis is turned 50° away from it.
    pinhole = Camera.from_hfov(60.0, 900, 900)
    noise = np.random.default_rng(0).uniform(0, 255, (30, 30, 3)).astype(np.float32)
    image = cv2.resize(noise, (900, 900), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
    angle = np.deg2rad(50.0)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    pixels = np.stack(np.meshgrid(np.arange(1000), np.arange(1000)), axis=-1).astype(np.float64)
    seen = sampled(image, pinhole.project(FISHEYE.rays(pixels) @ turn))

    middle = FISHEYE.project(np.array([[0.2, 0.1, 1.0]]) @ turn.T)
    views = RegionViews.of(FISHEYE, Regions(middle, np.array([180.0]), np.array([0.3])), 128, most_bent=0.0)
    assert views.bent.all()
    crop = cut_views(seen, views)[0]
    across = (np.stack(np.meshgrid(np.arange(128), np.arange(128)), axis=-1) - 63.5) / views.focals_px[0]
    rays = np.concatenate([across, np.ones((128, 128, 1))], axis=-1) @ views.view2cam[0].T
    wanted = sampled(image, pinhole.project(rays @ turn))
    off = np.abs(crop.astype(float) - wanted.astype(float))
    assert wanted.std() > 30
    assert off.mean() < 3
