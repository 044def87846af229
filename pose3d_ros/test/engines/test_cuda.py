"""What touches CUDA, on a machine that has it: left out elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from pose3d_ros.engines import Normalisation
from pose3d_ros.engines.base import Tensor
from pose3d_ros.engines.torch_device import ALIGNMENT, Buffer, CudaDevice
from pose3d_ros.engines.torch_pictures import TorchArray, TorchPicture, TorchPictures
from pose3d_ros.geometry import img2crop_affine
from pose3d_ros.geometry.letterbox import Letterbox
from pose3d_ros.records import ImageArray

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch sees")

PIXELS = Normalisation(1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb")
LETTERBOXES = (
    Letterbox.fit_long_side(640, 480, 480, centred=True, padding=114),
    Letterbox.fit_long_side(640, 480, 200, centred=True, padding=114),
)
AFFINES = img2crop_affine([[100.0, 50, 300, 400], [-50.0, 200, 80, 460], [500.0, -30, 700, 500]], (96, 128))


def frame(seed: int) -> ImageArray:
    return np.random.default_rng(seed).integers(0, 256, (480, 640, 3), dtype=np.uint8)


def new_stream() -> torch.cuda.Stream:
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]


def results(picture: TorchPicture) -> list[TorchArray]:
    return [
        *(picture.letterboxed(letterbox, PIXELS) for letterbox in LETTERBOXES),
        picture.crops(AFFINES, (96, 128), PIXELS, mirrored=True),
        picture.raw_crops(AFFINES, (96, 128), rgb=False, mirrored=False),
    ]


@pytest.mark.parametrize("own_stream", [False, True])
def test_pictures_are_those_of_the_cpu(own_stream: bool) -> None:
    stream = new_stream() if own_stream else None
    on_gpu, on_cpu = TorchPictures("cuda", stream), TorchPictures("cpu")
    for seed in range(3):
        for got, wanted in zip(results(on_gpu(frame(seed))), results(on_cpu(frame(seed))), strict=True):
            assert got.tensor.is_cuda
            assert got.tensor.is_contiguous()
            assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
            # Both round the same sums; where one is a half, the order of its parts decides.
            off = np.abs(got.numpy().astype(np.float32) - wanted.numpy())
            assert off.max() <= 1
            assert off.mean() < 0.05


def test_frames_may_follow_before_the_gpu_has_copied_them() -> None:
    stream, letterbox = new_stream(), Letterbox.fit_inside(640, 480, 640, 480)
    load, image, means = TorchPictures("cuda", stream), np.empty((480, 640, 3), dtype=np.uint8), []
    for level in range(20):
        image[:] = level
        with torch.cuda.stream(stream):
            means.append(load(image).letterboxed(letterbox, PIXELS).tensor.mean())
    stream.synchronize()
    assert [round(float(mean)) for mean in means] == list(range(20))


def read(device: CudaDevice, buffer: Buffer, like: Tensor) -> Tensor:
    copy = np.empty(like.shape, like.dtype)
    buffer.begin_download(copy)
    device.synchronize()
    buffer.finish_download(copy)
    return copy


@pytest.mark.parametrize("nbytes", [0, 1, 257, 4000])
def test_buffers_lie_where_tensorrt_wants_them(nbytes: int) -> None:
    assert CudaDevice().allocate(nbytes).address % ALIGNMENT == 0


def test_a_buffer_gives_back_what_it_was_given() -> None:
    device = CudaDevice()
    buffer = device.allocate(4000)
    numbers = np.arange(1000, dtype=np.float32).reshape(10, 100)
    buffer.upload(numbers)
    np.testing.assert_array_equal(read(device, buffer, numbers), numbers)
    buffer.upload(numbers[::-2, 5:50])  # smaller, and strided
    np.testing.assert_array_equal(read(device, buffer, numbers[::-2, 5:50]), numbers[::-2, 5:50])


def test_a_buffer_takes_crops_from_the_gpu() -> None:
    device = CudaDevice()
    picture = device.load_picture(frame(0))
    crops = picture.crops(AFFINES, (96, 128), PIXELS, mirrored=True)
    wanted = TorchPictures("cpu")(frame(0)).crops(AFFINES, (96, 128), PIXELS, mirrored=True).numpy()
    buffer = device.allocate(wanted.nbytes)
    buffer.upload(crops)
    assert np.abs(read(device, buffer, wanted) - wanted).max() <= 1


def test_a_recorded_operator_runs_when_it_is_replayed() -> None:
    device, counter = CudaDevice(), torch.zeros(4, device="cuda")
    counter.add_(1)  # loads the kernel, which a capture must not do
    torch.cuda.synchronize()

    def enqueue() -> bool:
        counter.add_(1)
        return True

    replay = device.record(enqueue)
    assert replay is not None
    device.synchronize()
    assert counter.tolist() == [1] * 4
    for _ in range(2):
        replay()
    device.synchronize()
    assert counter.tolist() == [3] * 4


def test_what_says_no_is_not_recorded() -> None:
    device, counter = CudaDevice(), torch.zeros(4, device="cuda")

    def enqueue() -> bool:
        counter.add_(1)
        return False

    counter.add_(1)
    assert device.record(enqueue) is None
    torch.cuda.synchronize()
    assert counter.tolist() == [1] * 4


def test_facts_name_the_gpu() -> None:
    device = CudaDevice()
    major, minor = torch.cuda.get_device_capability()
    assert device.stream != 0
    assert device.facts.gpu == torch.cuda.get_device_name()
    assert device.facts.compute_capability == f"{major}.{minor}"
    assert device.facts.cuda == torch.version.cuda
    assert device.facts.multiprocessors > 0
