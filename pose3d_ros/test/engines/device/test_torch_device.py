"""What touches CUDA, on a machine that has it: left out elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from pose3d_ros.engines import (
    BackendChoice,
    EngineOptions,
    ManifestEntry,
    Normalization,
    default_manifest_dir,
    load_manifest,
    open_engine,
)
from pose3d_ros.engines.device.torch_device import ALIGNMENT, TorchBuffer, TorchDevice
from pose3d_ros.engines.images.device_image import DeviceImage, DeviceImages, TorchArray
from pose3d_ros.engines.tensors import Feed, Tensor, on_host
from pose3d_ros.engines.trial import difference
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry.crop import img2crop_affine
from pose3d_ros.geometry.letterbox import Letterbox
from pose3d_ros.types import ImageArray

from ..conftest import farthest

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch sees")

PIXELS = Normalization(1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb")
LETTERBOXES = (
    Letterbox.fit_long_side(640, 480, 480, centered=True, padding=114),
    Letterbox.fit_long_side(640, 480, 200, centered=True, padding=114),
)
TORCH, ONNX = BackendChoice("torch", "a test"), BackendChoice("onnxruntime", "a test")
ON_CPU = EngineOptions(threads=1, provider="cpu")
MANIFEST = load_manifest(default_manifest_dir())
FP16, FP32 = 2e-2, 1e-4
"""How far outputs may be off, relative to values above 1: those of another image are off by 0.2."""
AFFINES = img2crop_affine([[100.0, 50, 300, 400], [-50.0, 200, 80, 460], [500.0, -30, 700, 500]], (96, 128))


def frame(seed: int) -> ImageArray:
    return np.random.default_rng(seed).integers(0, 256, (480, 640, 3), dtype=np.uint8)


def new_stream() -> torch.cuda.Stream:
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]


def results(loaded: DeviceImage) -> list[TorchArray]:
    return [
        *(loaded.letterboxed(letterbox, PIXELS) for letterbox in LETTERBOXES),
        loaded.crops(AFFINES, (96, 128), PIXELS, mirrored=True),
        loaded.raw_crops(AFFINES, (96, 128), rgb=False, mirrored=False),
    ]


@pytest.mark.parametrize("own_stream", [False, True])
def test_images_are_those_of_the_cpu(own_stream: bool) -> None:
    stream = new_stream() if own_stream else None
    on_gpu, on_cpu = DeviceImages("cuda", stream), DeviceImages("cpu")
    for seed in range(3):
        for got, wanted in zip(results(on_gpu(frame(seed))), results(on_cpu(frame(seed))), strict=True):
            assert got.tensor.is_cuda
            assert got.tensor.is_contiguous()
            assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
            # Both round the same sums; where one is a half, the order of its parts decides.
            off = np.abs(got.numpy().astype(np.float32) - wanted.numpy())
            assert off.max() <= 1
            assert off.mean() < 0.05


def test_frame_memory_can_be_reused_at_once() -> None:
    stream, letterbox = new_stream(), Letterbox.fit_inside(640, 480, 640, 480)
    load, image, means = DeviceImages("cuda", stream), np.empty((480, 640, 3), dtype=np.uint8), []
    for level in range(20):
        image[:] = level
        with torch.cuda.stream(stream):
            means.append(load(image).letterboxed(letterbox, PIXELS).tensor.mean())
    stream.synchronize()
    assert [round(float(mean)) for mean in means] == list(range(20))


def read(device: TorchDevice, buffer: TorchBuffer, like: Tensor) -> Tensor:
    copy = np.empty(like.shape, like.dtype)
    buffer.begin_download(copy)
    device.synchronize()
    buffer.finish_download(copy)
    return copy


@pytest.mark.parametrize("nbytes", [0, 1, 257, 4000])
def test_buffers_lie_where_tensorrt_wants_them(nbytes: int) -> None:
    assert TorchDevice().allocate(nbytes).address % ALIGNMENT == 0


def test_buffer_round_trip() -> None:
    device = TorchDevice()
    buffer = device.allocate(4000)
    numbers = np.arange(1000, dtype=np.float32).reshape(10, 100)
    buffer.upload(numbers)
    np.testing.assert_array_equal(read(device, buffer, numbers), numbers)
    buffer.upload(numbers[::-2, 5:50])  # smaller, and strided
    np.testing.assert_array_equal(read(device, buffer, numbers[::-2, 5:50]), numbers[::-2, 5:50])


def test_recorded_operator_runs_on_replay() -> None:
    device, counter = TorchDevice(), torch.zeros(4, device="cuda")
    counter.add_(1)  # loads the kernel, which a capture must not do
    torch.cuda.synchronize()

    def enqueue() -> None:
        counter.add_(1)

    replay = device.record(enqueue)
    assert replay is not None
    device.synchronize()
    assert counter.tolist() == [1] * 4
    for _ in range(2):
        replay()
    device.synchronize()
    assert counter.tolist() == [3] * 4


def test_device_facts_name_the_gpu() -> None:
    device = TorchDevice()
    major, minor = torch.cuda.get_device_capability()
    assert device.stream != 0
    assert device.facts.gpu == torch.cuda.get_device_name()
    assert device.facts.compute_capability == f"{major}.{minor}"
    assert device.facts.cuda == torch.version.cuda
    assert device.facts.multiprocessors > 0


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("entry", MANIFEST.entries, ids=lambda entry: entry.name)
def test_device_engines_equal_onnxruntime(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, entry: ManifestEntry, recorded: bool
) -> None:
    if not recorded:
        monkeypatch.setattr(TorchDevice, "record", lambda device, enqueue: None)
    caplog.set_level(logging.INFO)
    with open_engine(entry, ONNX, ON_CPU) as reference, open_engine(entry, TORCH) as engine:
        allowed = FP32 if engine.status.endswith("fp32") else FP16
        for seed, batch in enumerate((1, 1, 1) if "detector" in entry.roles else (1, 3, 8, 3)):
            assert farthest(reference, engine, entry, batch, seed) < allowed
    assert ("no CUDA graph" in caplog.text) is not recorded


def worst(wanted: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> float:
    return max(difference(wanted[name], got[name]) for name in wanted)


def blocks(seed: int) -> ImageArray:
    """Noise that a net sees: squares of 16 pixels."""
    return np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)


def people(count: int, loaded: DeviceImage, entry: ManifestEntry) -> dict[str, Feed]:
    boxes = [[50.0 * i - 40, 30.0 * i - 20, 50.0 * i + 140, 30.0 * i + 240] for i in range(count)]
    size_px = entry.input_size_px or (0, 0)
    crops = loaded.crops(img2crop_affine(boxes, size_px), size_px, entry.normalization or PIXELS, mirrored=False)
    return {"image": crops, "k_m": np.linspace(4, 8, count, dtype=np.float32)}


def work(stream: torch.cuda.Stream) -> None:
    """Keep a stream busy for some milliseconds: what is queued behind comes too late for who does not wait for it."""
    with torch.cuda.stream(stream):
        torch.cuda._sleep(20_000_000)  # type: ignore[no-untyped-call]  # clock cycles


@pytest.mark.parametrize("own_stream", [True, False])
def test_results_follow_the_images_of_another_stream(own_stream: bool) -> None:
    entry, stream = MANIFEST.for_role("pose"), new_stream() if own_stream else None
    load, answers = DeviceImages("cuda", stream), []
    with open_engine(entry, ONNX, ON_CPU) as reference, open_engine(entry, TORCH) as engine:
        for seed in range(24):
            work(stream or torch.cuda.default_stream())
            given = people((3, 1, 2, 8, 5, 1)[seed % 6], load(blocks(seed)), entry)
            got = engine.infer(given)
            answers.append((reference.infer({name: on_host(feed) for name, feed in given.items()}), got))
    assert max(worst(wanted, got) for wanted, got in answers) < FP16  # at the end: no later run writes into one
    firsts = [wanted["joint_scores"][:1] for wanted, _ in answers]
    assert min(difference(a, b) for a, b in pairwise(firsts)) > FP16


def test_engine_reads_a_letterbox_before_the_next_frame_overwrites_it() -> None:
    entry, stream = MANIFEST.for_role("detector"), new_stream()
    load, letterbox = DeviceImages("cuda", stream), Letterbox.fit_long_side(640, 480, 448, centered=True, padding=114)
    with open_engine(entry, ONNX, ON_CPU) as reference, open_engine(entry, TORCH) as engine:
        for seed in range(12):
            work(stream)
            image = load(blocks(seed)).letterboxed(letterbox, entry.normalization or PIXELS)
            got, wanted = engine.infer({"image": image}), reference.infer({"image": image.numpy()})
            assert worst(wanted, got) < FP16


def refuse() -> None:
    raise EngineError("node", expected="a run without an error", got="no memory", fix="None.")


@pytest.mark.parametrize("fail", [lambda: torch.cuda.current_stream().synchronize(), refuse])
def test_failed_capture_leaves_the_stream_usable(fail: Callable[[], None]) -> None:
    device, counter, before = TorchDevice(), torch.zeros(4, device="cuda").add_(1), torch.cuda.current_stream()
    torch.cuda.synchronize()

    def enqueue() -> None:
        counter.add_(1)
        fail()

    assert device.record(enqueue) is None
    assert torch.cuda.current_stream() == before
    with device.queued():
        counter.add_(1)
    device.synchronize()
    assert counter.tolist() == [2] * 4
