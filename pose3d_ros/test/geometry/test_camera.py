"""Camera: values worked by hand, round trips, points that have no image, new cameras of crops and resizes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.errors import CameraError, InputError
from pose3d_ros.geometry import Camera

K = np.array([[500.0, 0.0, 320.0], [0.0, 510.0, 240.0], [0.0, 0.0, 1.0]])
RATIONAL = [0.5, -0.2, 0.001, 0.001, 0.01, 0.8, -0.1, 0.005]
LENSES = {
    "plumb_bob": [-0.3, 0.1, 0.001, -0.001, 0.01],
    "rational_polynomial": RATIONAL,
    "rational_polynomial with thin prism": [*RATIONAL, 0.002, -0.001, 0.001, 0.0005],
    "rational_polynomial tilted": [*RATIONAL, 0.002, -0.001, 0.001, 0.0005, 0.01, -0.02],
    "equidistant": [0.05, -0.01, 0.002, -0.0005],
    "double_sphere": [-0.2, 0.55],
    "eucm": [0.6, 1.1],
    "omni": [0.9, -0.1, 0.02, 0.001, -0.001],
    "fov": [0.9],
}
OF_OPENCV = [
    "pinhole",
    *[name for name in LENSES if name.split()[0] in ("plumb_bob", "rational_polynomial", "equidistant")],
]
SKEW = np.array([[0.0, -1.5, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


def camera_with(lens: str, skew: npt.NDArray[Any] | None = None) -> Camera:
    K_px = K if skew is None else K + skew
    return Camera(K_px, 640, 480, np.array(LENSES.get(lens, [])), lens.split()[0])


def image_grid(camera: Camera, count: int = 15) -> npt.NDArray[Any]:
    """(count, count, 2) pixels over the whole image, from edge to edge."""
    u = np.linspace(-0.5, camera.width_px - 0.5, count)
    v = np.linspace(-0.5, camera.height_px - 0.5, count)
    return np.stack(np.meshgrid(u, v), axis=-1)


def test_pinhole_projects_by_hand() -> None:
    camera = Camera(K, 640, 480)
    # u = 500 * 0.4 / 2 + 320, v = 510 * -0.2 / 2 + 240
    np.testing.assert_allclose(camera.project([0.4, -0.2, 2.0]), [420.0, 189.0])
    np.testing.assert_allclose(camera.backproject([420.0, 189.0], 2.0), [0.4, -0.2, 2.0])
    np.testing.assert_allclose(camera.rays([420.0, 189.0]), [0.2, -0.1, 1.0])


def test_equidistant_projects_by_hand() -> None:
    camera = Camera(K, 640, 480, np.zeros(4), "equidistant")
    # 45 degrees to the right: the radius is f times the angle.
    np.testing.assert_allclose(camera.project([3.0, 0.0, 3.0]), [500 * np.pi / 4 + 320, 240.0], atol=1e-9)


@pytest.mark.parametrize("lens", OF_OPENCV)
def test_agrees_with_opencv(lens: str) -> None:
    rng = np.random.default_rng(3)
    points = rng.uniform([-1.0, -0.8, 2.0], [1.0, 0.8, 6.0], size=(4, 5, 3))
    project = cv2.fisheye.projectPoints if lens == "equidistant" else cv2.projectPoints
    coefficients = np.array(LENSES.get(lens, np.zeros(5)))
    expected = project(points.reshape(-1, 1, 3), np.zeros(3), np.zeros(3), K, coefficients)[0]
    np.testing.assert_allclose(camera_with(lens).project(points), expected.reshape(4, 5, 2), atol=1e-9)


@pytest.mark.parametrize("lens", OF_OPENCV)
def test_undistorts_as_opencv_does_after_enough_steps(lens: str) -> None:
    pixels = image_grid(camera_with(lens)).reshape(-1, 1, 2)
    coefficients = np.array(LENSES.get(lens, np.zeros(5)))
    steps = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 500, 1e-12)
    if lens == "equidistant":
        expected = cv2.fisheye.undistortPoints(pixels, K, coefficients, criteria=steps)
    else:
        expected = cv2.undistortPointsIter(pixels, K, coefficients, np.eye(3), np.eye(3), steps)
    off_px = (camera_with(lens).rays(pixels)[..., :2] - expected) * [500.0, 510.0]
    assert np.abs(off_px).max() < 0.1


@pytest.mark.parametrize("skew", [None, SKEW], ids=["upright", "skew"])
@pytest.mark.parametrize("lens", ["pinhole", *LENSES])
def test_round_trip_over_the_whole_image(lens: str, skew: npt.NDArray[Any] | None) -> None:
    camera = camera_with(lens, skew)
    pixels = image_grid(camera)
    depth_m = np.linspace(0.3, 20.0, pixels[..., 0].size).reshape(pixels.shape[:2])
    points = camera.backproject(pixels, depth_m)
    np.testing.assert_allclose(points[..., 2], depth_m)
    np.testing.assert_allclose(camera.project(points), pixels, atol=1e-6)


def test_skew_leans_the_pixels_by_hand() -> None:
    camera = camera_with("pinhole", SKEW)
    # u = 500 * 0.2 - 1.5 * 0.1 + 320
    np.testing.assert_allclose(camera.project([0.4, 0.2, 2.0]), [419.85, 291.0])
    np.testing.assert_allclose(camera.rays([419.85, 291.0]), [0.2, 0.1, 1.0])


@settings(max_examples=60, deadline=None)
@given(st.tuples(*(st.floats(-limit, limit) for limit in (0.4, 0.2, 0.005, 0.005, 0.05))))
def test_round_trip_for_any_plumb_bob(coefficients: tuple[float, ...]) -> None:
    camera = Camera(K, 640, 480, np.array(coefficients), "plumb_bob")
    pixels = image_grid(camera, 7)
    back = camera.project(camera.rays(pixels))
    imaged = np.isfinite(back[..., 0])
    assert imaged[3, 3]  # near the axis every lens images a ray
    np.testing.assert_allclose(back[imaged], pixels[imaged], atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(k=st.tuples(*(st.floats(-0.05, 0.05) for _ in range(4))), angle_deg=st.floats(0.01, 85.0))
def test_round_trip_for_any_fisheye(k: tuple[float, ...], angle_deg: float) -> None:
    camera = Camera(K, 640, 480, np.array(k), "equidistant")
    angle_rad = np.deg2rad(angle_deg)
    ray = np.array([np.sin(angle_rad) * 0.6, np.sin(angle_rad) * -0.8, np.cos(angle_rad)])
    pixel = camera.project(ray)
    if np.isfinite(pixel).all():  # else the polynomial has folded back before this angle
        np.testing.assert_allclose(camera.rays(pixel), ray / ray[2], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("model", ["pinhole", *LENSES])
def test_points_without_an_image_are_nan(model: str) -> None:
    camera = camera_with(model, SKEW)
    points = np.array([[0.1, 0.1, -1.0], [0.1, 0.1, 0.0], [np.nan, 0.1, 1.0], [0.1, 0.1, np.nan], [0.0, 0.0, np.inf]])
    assert np.isnan(camera.project(points)).all()
    assert np.isfinite(camera.project([0.1, 0.1, 1.0])).all()


@pytest.mark.parametrize("model", ["pinhole", *LENSES])
def test_nan_pixels_and_bad_depths_stay_nan(model: str) -> None:
    camera = camera_with(model, SKEW)
    pixels = np.array([[100.0, 100.0], [np.nan, 100.0], [100.0, np.inf], [100.0, 100.0], [100.0, 100.0]])
    points = camera.backproject(pixels, [2.0, 2.0, 2.0, np.nan, -1.0])
    np.testing.assert_array_equal(np.isnan(points).all(axis=-1), [False, True, True, True, True])


def test_lens_that_folds_back_images_nothing_beyond() -> None:
    # With k1 = -0.3 the radius r (1 - 0.3 r^2) is largest at r = 1/sqrt(0.9) = 1.054: 46.5 degrees.
    camera = Camera(K, 640, 480, np.array([-0.3, 0.0, 0.0, 0.0]), "plumb_bob")
    assert np.isfinite(camera.project([1.05, 0.0, 1.0])).all()
    assert np.isnan(camera.project([1.06, 0.0, 1.0])).all()
    # The largest imaged radius is 1.054 (1 - 1/3) = 0.7027: a pixel further out sees nothing.
    assert np.isfinite(camera.rays([320 + 500 * 0.702, 240.0])).all()
    assert np.isnan(camera.rays([320 + 500 * 0.703, 240.0])).all()


def test_shapes_broadcast() -> None:
    camera = camera_with("plumb_bob")
    assert camera.project(np.ones((0, 3))).shape == (0, 2)
    assert camera.project(np.ones((2, 3, 4, 3))).shape == (2, 3, 4, 2)
    assert camera.rays(np.ones((0, 5, 2))).shape == (0, 5, 3)
    assert camera.backproject(np.ones((4, 2)), 2.0).shape == (4, 3)
    assert camera.backproject(np.ones((3, 4, 2)), np.ones((3, 1))).shape == (3, 4, 3)


def test_wrong_shapes_are_refused() -> None:
    camera = Camera(K, 640, 480)
    with pytest.raises(InputError, match=r"\(\.\.\., 3\), got shape \(4, 2\)"):
        camera.project(np.ones((4, 2)))
    with pytest.raises(InputError, match=r"\(\.\.\., 2\)"):
        camera.rays(1.0)
    with pytest.raises(InputError, match="depth_m"):
        camera.backproject(np.ones((4, 2)), np.ones(3))


def test_from_hfov_by_hand() -> None:
    camera = Camera.from_hfov(90.0, 640, 480)
    assert camera.fx_px == pytest.approx(320.0)
    assert (camera.cx_px, camera.cy_px) == (319.5, 239.5)
    # The edges of the image are 45 degrees off the axis.
    np.testing.assert_allclose(camera.rays([639.5, 239.5]), [1.0, 0.0, 1.0])


@pytest.mark.parametrize("hfov_deg", [0.0, 180.0, float("nan")])
def test_field_of_view_without_an_image_is_refused(hfov_deg: float) -> None:
    with pytest.raises(CameraError, match="0 and 180"):
        Camera.from_hfov(hfov_deg, 640, 480)


@pytest.mark.parametrize("model", ["pinhole", *LENSES])
def test_crop_sees_the_same_rays(model: str) -> None:
    camera = camera_with(model)
    crop = camera.crop(40, 30, 200, 100)
    assert (crop.width_px, crop.height_px) == (200, 100)
    np.testing.assert_allclose(crop.rays([10.0, 20.0]), camera.rays([50.0, 50.0]))


def test_resize_keeps_the_edges() -> None:
    camera = camera_with("plumb_bob")
    half = camera.resize(320, 120)
    # Edge to edge, and the first 2x4 block's middle is the first new pixel's center.
    np.testing.assert_allclose(half.rays([-0.5, -0.5]), camera.rays([-0.5, -0.5]))
    np.testing.assert_allclose(half.rays([319.5, 119.5]), camera.rays([639.5, 479.5]))
    np.testing.assert_allclose(half.rays([0.0, 0.0]), camera.rays([0.5, 1.5]))


def test_roi_and_binning_by_hand() -> None:
    camera = camera_with("plumb_bob")
    binned = camera.roi_binned(100, 50, 400, 300, 2, 3)
    assert (binned.width_px, binned.height_px) == (200, 100)
    # The binned pixel (10, 20) combines u 120..121 and v 110..112 of the full image.
    np.testing.assert_allclose(binned.rays([10.0, 20.0]), camera.rays([120.5, 111.0]))
    whole = camera.roi_binned(0, 0, 0, 0, 0, 0)
    assert (whole.width_px, whole.height_px) == (640, 480)
    np.testing.assert_array_equal(whole.K_px, camera.K_px)


IMAGES = st.sampled_from(["pinhole", *LENSES]).map(lambda lens: camera_with(lens, SKEW))


def check_same_rays(camera: Camera, changed: Camera, new2img: tuple[float, float, float, float]) -> None:
    """Pixel u of the changed image is scale * u + shift of the camera's: scale and shift across, then down."""
    pixels = image_grid(changed, 5)
    across, down = np.reshape(new2img, (2, 2))
    of_image = np.stack([across[0] * pixels[..., 0] + across[1], down[0] * pixels[..., 1] + down[1]], axis=-1)
    rays = changed.rays(pixels)
    np.testing.assert_allclose(rays, camera.rays(of_image), rtol=1e-7, atol=1e-9)
    seen = np.isfinite(rays[..., 0])
    np.testing.assert_allclose(changed.project(rays)[seen], pixels[seen], atol=1e-5)


@settings(max_examples=100, deadline=None)
@given(IMAGES, st.integers(1, 2000), st.integers(1, 2000))
def test_resized_image_of_any_lens_sees_the_same(camera: Camera, width_px: int, height_px: int) -> None:
    sx, sy = 640 / width_px, 480 / height_px
    check_same_rays(camera, camera.resize(width_px, height_px), (sx, sx / 2 - 0.5, sy, sy / 2 - 0.5))


@settings(max_examples=100, deadline=None)
@given(IMAGES, st.floats(-50.0, 600.0), st.floats(-50.0, 400.0), st.integers(1, 200))
def test_crop_of_any_lens_sees_the_same(camera: Camera, x_px: float, y_px: float, side_px: int) -> None:
    check_same_rays(camera, camera.crop(x_px, y_px, side_px, side_px), (1.0, x_px, 1.0, y_px))


@settings(max_examples=100, deadline=None)
@given(IMAGES, st.tuples(st.integers(0, 320), st.integers(0, 240)), st.integers(8, 240), st.integers(1, 4))
def test_region_and_binning_of_any_lens_see_the_same(
    camera: Camera, first: tuple[int, int], side_px: int, block_px: int
) -> None:
    sent = camera.roi_binned(*first, side_px, side_px, block_px, block_px)
    assert (sent.width_px, sent.height_px) == (side_px // block_px, side_px // block_px)
    shift = (block_px - 1) / 2
    check_same_rays(camera, sent, (block_px, first[0] + shift, block_px, first[1] + shift))


@pytest.mark.parametrize("region", [(300, 0, 400, 300), (-1, 0, 10, 10), (0, 0, 640, 481), (0, 0, 1, 1)])
def test_invalid_roi_is_an_error(region: tuple[int, int, int, int]) -> None:
    with pytest.raises(CameraError, match="region of interest"):
        Camera(K, 640, 480).roi_binned(*region, 2, 2)


@pytest.mark.parametrize("affine", [[[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]], np.eye(3)], ids=["rotation", "shape"])
def test_transformed_takes_scales_and_shifts_only(affine: Any) -> None:
    with pytest.raises(CameraError, match="scales and shifts"):
        Camera(K, 640, 480).transformed(np.array(affine), 640, 480)


def test_arrays_are_private_copies() -> None:
    matrix = K.copy()
    camera = Camera(matrix, 640, 480)
    matrix[0, 0] = 1.0
    assert camera.fx_px == 500.0
    with pytest.raises(ValueError, match="read-only"):
        camera.K_px[0, 0] = 1.0
