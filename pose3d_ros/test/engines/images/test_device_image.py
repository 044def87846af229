"""Frames read by PyTorch's operators give the pixels that OpenCV gives, here on the CPU; test_cuda has the GPU's."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pose3d_ros.bags.bag_reader import BagReader, sample_bag
from pose3d_ros.engines import Normalization
from pose3d_ros.engines.images.device_image import DeviceImages, TorchArray
from pose3d_ros.engines.images.frame_image import HostImage
from pose3d_ros.engines.tensors import DeviceArray, on_host
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.crop import img2crop_affine
from pose3d_ros.geometry.letterbox import Letterbox
from pose3d_ros.geometry.region_views import RegionViews
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.types import Array, ImageArray

PIXELS = Normalization(1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "bgr")
RGB = Normalization(1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "rgb")
IMAGENET_BGR = Normalization(1.0, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375), "bgr")

# OpenCV before 5 reads at most 1/64 px beside each coordinate, next to a step of at most 255, and both are rounded.
MOST_LEVELS = 2 * 255 / 64 + 1


@pytest.fixture(scope="module")
def photo() -> ImageArray:
    """A frame of the sample recording, 640x480."""
    with BagReader(sample_bag()) as bag:
        return next(islice(bag.images(), 60, 61)).image_bgr


@pytest.fixture(scope="module")
def noise() -> ImageArray:
    return np.random.default_rng(0).integers(0, 256, (120, 201, 3), dtype=np.uint8)


def levels(image: ImageArray, read: Callable[[Any], Any]) -> tuple[float, float]:
    """Mean and largest difference between what is read of the image here and by OpenCV."""
    off = np.abs(read(DeviceImages()(image)).numpy().astype(np.float64) - read(HostImage(image)))
    return float(off.mean()), float(off.max())


def boxes(people: int, width_px: int, height_px: int, seed: int = 0) -> Array:
    """From a twentieth of the image to more than all of it, many of them over an edge."""
    rng = np.random.default_rng(seed)
    sides = np.array([width_px, height_px]) * rng.uniform(0.05, 1.2, (people, 2))
    centres = np.array([width_px, height_px]) * rng.uniform(0, 1, (people, 2))
    return np.concatenate([centres - sides / 2, centres + sides / 2], axis=1)


@pytest.mark.parametrize(("people", "size_px"), [(1, (192, 256)), (8, (64, 64)), (16, (96, 72))])
@pytest.mark.parametrize("half_pixel_centers", [True, False])
def test_crops_of_a_photo_equal_the_host_ones(
    photo: ImageArray, people: int, size_px: tuple[int, int], half_pixel_centers: bool
) -> None:
    affines = img2crop_affine(boxes(people, 640, 480), size_px, half_pixel_centers=half_pixel_centers)
    mean, most = levels(photo, lambda image: image.crops(affines, size_px, PIXELS, mirrored=True))
    assert mean < 0.1
    assert most < MOST_LEVELS


@pytest.mark.parametrize("size_px", [(24, 32), (192, 256), (640, 480)])
def test_crops_of_noise_equal_the_host_ones(noise: ImageArray, size_px: tuple[int, int]) -> None:
    affines = img2crop_affine(boxes(8, 201, 120), size_px)
    mean, most = levels(noise, lambda image: image.crops(affines, size_px, PIXELS, mirrored=False))
    # Neighbors differ by 85 on average and 1/32 px is missed by 1/128 px on average: 0.66 along each axis at most.
    assert mean < 2 * 85 / 128
    assert most < MOST_LEVELS


def turned(people: int, size_px: int, seed: int = 1) -> Array:
    """The affines of crops of any roll, from a twentieth of the photo to more than all of it."""
    rng = np.random.default_rng(seed)
    centers = rng.uniform(0, [640, 480], (people, 2))
    return Regions(centers, rng.uniform(30, 700, people), rng.uniform(-np.pi, np.pi, people)).img2crop(size_px)


@pytest.mark.parametrize("mirrored", [False, True])
def test_turned_crops_of_a_photo_equal_the_host_ones(photo: ImageArray, mirrored: bool) -> None:
    mean, most = levels(photo, lambda image: image.crops(turned(16, 96), (96, 96), PIXELS, mirrored=mirrored))
    assert mean < 0.1
    assert most < MOST_LEVELS


def test_turned_crop_of_a_ramp_is_exact() -> None:
    ramp = np.repeat(np.arange(200, dtype=np.uint8)[None, :, None].repeat(200, 0), 3, axis=2)
    region = Regions(np.array([[100.0, 90.0]]), np.array([60.0]), np.array([0.4]))
    columns, rows = np.meshgrid(np.arange(60) - 29.5, np.arange(60) - 29.5)
    wanted = 100 + columns * np.cos(0.4) - rows * np.sin(0.4)
    for image in (HostImage(ramp), DeviceImages()(ramp)):
        crop = np.asarray(on_host(image.raw_crops(region.img2crop(60), (60, 60), rgb=True, mirrored=False)))
        assert np.abs(crop[0, ..., 0] - wanted).max() <= 0.55


def views(camera: Camera, size_px: int, people: int = 12) -> RegionViews:
    """Of regions of any roll, from a twelfth of the camera's image to all of it."""
    rng = np.random.default_rng(2)
    centers = rng.uniform(0, [camera.width_px, camera.height_px], (people, 2))
    return RegionViews.of(camera, Regions(centers, rng.uniform(40, 480, people), rng.uniform(-4, 4, people)), size_px)


FISHEYE = Camera(np.array([[280.0, 0, 319.5], [0, 280, 239.5], [0, 0, 1]]), 640, 480, np.zeros(4), "equidistant")


@pytest.mark.parametrize("size_px", [64, 100, 224])
@pytest.mark.parametrize("camera", [Camera.from_hfov(50, 640, 480), FISHEYE], ids=["narrow", "fisheye"])
def test_views_equal_the_host_ones(photo: ImageArray, camera: Camera, size_px: int) -> None:
    seen = views(camera, size_px)
    assert seen.bent.any() == (camera is FISHEYE)
    assert set(seen.reductions) >= ({1} if size_px == 224 else {1, 2, 3})
    mean, most = levels(photo, lambda image: image.views(seen, PIXELS))
    assert mean < 0.15
    assert most < MOST_LEVELS
    assert levels(photo, lambda image: image.views(seen, RGB))[0] < 0.15 / 255 / 0.22


def test_mirror_images_of_views_are_behind_them(photo: ImageArray) -> None:
    seen = views(FISHEYE, 64)
    for image in (HostImage(photo), DeviceImages()(photo)):
        alone = np.asarray(on_host(image.views(seen, RGB)))
        both = np.asarray(on_host(image.views(seen, RGB, mirrored=True)))
        np.testing.assert_array_equal(both, np.concatenate([alone, alone[..., ::-1]]))


def test_view_is_averaged_before_it_is_reduced(photo: ImageArray) -> None:
    # Of stripes one pixel wide, black and white, a smaller view is gray, whichever pixel it reads.
    stripes = np.zeros((240, 320, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    whole = Regions(np.array([[159.5, 119.5]]), np.array([200.0]), np.zeros(1))
    seen = RegionViews.of(Camera.from_hfov(50, 320, 240), whole, 50)
    for image in (HostImage(stripes), DeviceImages()(stripes)):
        assert np.abs(on_host(image.views(seen, PIXELS)) - 127.5).max() <= 1


def test_no_views(photo: ImageArray) -> None:
    none = RegionViews.of(FISHEYE, Regions.empty(), 64)
    assert HostImage(photo).views(none, PIXELS).shape == (0, 3, 64, 64)
    assert DeviceImages()(photo).views(none, PIXELS).shape == (0, 3, 64, 64)


@pytest.mark.parametrize("edge", range(4))
def test_boxes_over_an_edge_are_black_outside(photo: ImageArray, edge: int) -> None:
    box = np.array([200.0, 150.0, 400.0, 350.0])
    box[[edge % 2, edge % 2 + 2]] += [-300.0, -250.0, 350.0, 250.0][edge]
    affines = img2crop_affine(box[None], (64, 64))

    def read(image: Any) -> Any:
        return image.raw_crops(affines, (64, 64), rgb=False, mirrored=False)

    black = (read(HostImage(photo)) == 0).all(axis=(0, 3))
    assert 0.2 < black.mean() < 0.8
    assert (read(DeviceImages()(photo)).numpy()[0][black] == 0).all()
    assert levels(photo, read)[0] < 0.1


def test_crop_between_pixels_and_over_the_edge() -> None:
    image = np.zeros((1, 2, 3), dtype=np.uint8)
    image[0, :, 2] = [100, 200]
    affine = np.array(
        [[[2.0, 0.0, 2.0], [0.0, 1.0, 0.0]]]
    )  # crop pixels 0 … 5 are read at x = -1, -0.5, 0, 0.5, 1, 1.5
    crops = DeviceImages()(image).raw_crops(affine, (6, 1), rgb=True, mirrored=True).numpy()
    assert crops[0, 0, :, 0].tolist() == [0, 50, 100, 150, 200, 100]
    assert crops[1, 0, :, 0].tolist() == [100, 200, 150, 100, 50, 0]
    assert (crops[..., 1:] == 0).all()


LETTERBOXES = {
    "as it is": lambda w, h: Letterbox.fit_inside(w, h, w, h),
    "smaller, centered": lambda w, h: Letterbox.fit_inside(w, h, w * 3 // 4, h, centered=True, padding=114),
    "larger": lambda w, h: Letterbox.fit_long_side(w, h, w * 3 // 2),
    "stretched": lambda w, h: Letterbox.stretch(w, h, w * 2 // 3, h * 4 // 3),
    "a third": lambda w, h: Letterbox.fit_long_side(w, h, w // 3),
    "a quarter": lambda w, h: Letterbox.fit_inside(w, h, w // 4, w // 4, centered=True, padding=0),
    "0.43": lambda w, h: Letterbox.fit_long_side(w, h, int(w * 0.43), padding=114),
    "0.11": lambda w, h: Letterbox.fit_long_side(w, h, int(w * 0.11)),
    "one side averaged": lambda w, h: Letterbox.stretch(w, h, w // 3, int(h * 0.9)),
    "one side averaged, one as it is": lambda w, h: Letterbox.stretch(w, h, w, h // 5),
    "one side averaged, one larger": lambda w, h: Letterbox.stretch(w, h, w * 3 // 10, h * 13 // 10),
}


@pytest.mark.parametrize("name", LETTERBOXES)
@pytest.mark.parametrize("of", ["photo", "noise"])
def test_letterboxes_equal_the_host_ones(photo: ImageArray, noise: ImageArray, name: str, of: str) -> None:
    image = photo if of == "photo" else noise
    letterbox = LETTERBOXES[name](image.shape[1], image.shape[0])
    mean, most = levels(image, lambda loaded: loaded.letterboxed(letterbox, PIXELS))
    assert most <= 1.0
    # OpenCV's linear interpolation cuts digits off between the axes, which makes some pixels a level darker.
    assert mean < (0.1 if letterbox.averages else 0.2)


@pytest.mark.parametrize("normalization", [RGB, IMAGENET_BGR], ids=["rgb", "bgr"])
def test_normalization(photo: ImageArray, normalization: Normalization) -> None:
    # At whole pixels nothing is interpolated, so the numbers are the same.
    affines = np.array([[[1.0, 0, -100], [0, 1.0, -50]]])
    letterbox = Letterbox.fit_inside(640, 480, 640, 640, centered=True, padding=114)
    assert levels(photo, lambda image: image.crops(affines, (64, 80), normalization, mirrored=True))[1] < 2e-6
    assert levels(photo, lambda image: image.letterboxed(letterbox, normalization))[1] < 2e-6


@pytest.mark.parametrize("rgb", [False, True])
@pytest.mark.parametrize("mirrored", [False, True])
def test_raw_crops_equal_the_host_ones(photo: ImageArray, rgb: bool, mirrored: bool) -> None:
    affines = np.array([[[1.0, 0, -100], [0, 1.0, -50]], [[1.0, 0, 20], [0, 1.0, -420]]])
    got = DeviceImages()(photo).raw_crops(affines, (64, 80), rgb=rgb, mirrored=mirrored)
    assert (got.dtype, got.shape) == ("uint8", (4 if mirrored else 2, 80, 64, 3))
    assert levels(photo, lambda image: image.raw_crops(affines, (64, 80), rgb=rgb, mirrored=mirrored)) == (0, 0)


def test_results_lie_in_memory_as_engines_read_them(photo: ImageArray) -> None:
    affines = img2crop_affine(boxes(3, 640, 480), (48, 64))
    loaded = DeviceImages()(photo)
    letterboxed = loaded.letterboxed(Letterbox.fit_long_side(640, 480, 200, centered=True), RGB)
    crops = loaded.crops(affines, (48, 64), RGB, mirrored=True)
    raw = loaded.raw_crops(affines, (48, 64), rgb=True, mirrored=False)
    assert [array.tensor.is_contiguous() for array in (letterboxed, crops, raw)] == [True] * 3
    assert [array.dtype for array in (letterboxed, crops, raw)] == ["float32", "float32", "uint8"]
    assert [array.shape for array in (letterboxed, crops, raw)] == [(1, 3, 160, 224), (6, 3, 64, 48), (3, 64, 48, 3)]


def test_image_can_change_after_the_upload() -> None:
    image = np.full((4, 4, 3), 7, dtype=np.uint8)
    loaded = DeviceImages()(image)
    image[:] = 200
    assert (loaded.letterboxed(Letterbox.fit_inside(4, 4, 4, 4), PIXELS).numpy() == 7).all()


def test_frames_one_after_another_and_of_another_size(photo: ImageArray) -> None:
    load = DeviceImages()
    for image in (photo, photo[::-1], photo[:, :320], photo):  # strided ones too
        letterbox = Letterbox.fit_long_side(image.shape[1], image.shape[0], 200, centered=True, padding=114)
        for normalization in (PIXELS, RGB, PIXELS):
            got = load(image).letterboxed(letterbox, normalization).numpy()
            wanted = HostImage(image).letterboxed(letterbox, normalization)
            assert np.abs(got - wanted).max() * (1.0 if normalization is PIXELS else 255 * 0.225) < 1.01


class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operators that make something; views cost no kernel."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not function.is_view
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("long_side_px", [200, 480])
def test_operators_of_a_frame_do_not_grow_with_people(photo: ImageArray, long_side_px: int) -> None:
    letterbox = Letterbox.fit_long_side(640, 480, long_side_px)
    load, counts = DeviceImages(), []
    for people in (1, 1, 16):
        affines = img2crop_affine(boxes(people, 640, 480), (48, 64))
        with Counter() as counter:
            loaded = load(photo)
            loaded.letterboxed(letterbox, RGB)
            loaded.crops(affines, (48, 64), RGB, mirrored=True)
        counts.append(counter.count)
    assert counts[1] == counts[2] <= 12


class Stream:
    """Counts how often it was waited for. error: what the wait raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.waits, self._error = 0, error

    def synchronize(self) -> None:
        self.waits += 1
        if self._error is not None:
            raise self._error


def test_device_array_is_copied_after_its_stream() -> None:
    stream: Any = Stream()
    tensor = torch.arange(6, dtype=torch.int64).reshape(2, 3)
    array = TorchArray(tensor, stream)
    assert isinstance(array, DeviceArray)
    copy = array.numpy()
    tensor[:] = -1
    assert copy.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (array.shape, array.dtype, stream.waits) == ((2, 3), "int64", 1)


def test_cuda_failure_is_an_engine_error() -> None:
    stream: Any = Stream(RuntimeError("CUDA error: an illegal memory access\nmore"))
    with pytest.raises(EngineError, match=r"frame on the GPU.*error of CUDA.*nvidia-smi"):
        TorchArray(torch.zeros(1), stream).numpy()
