"""The PyTorch backend: on the CPU, and its slots on a device that records without a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pose3d_ros.engines import (
    BackendChoice,
    EngineOptions,
    ManifestEntry,
    default_manifest_dir,
    load_manifest,
    open_engine,
)
from pose3d_ros.engines.base import Availability
from pose3d_ros.engines.device import cuda_device as torch_device
from pose3d_ros.engines.images.device_image import TorchArray
from pose3d_ros.engines.pytorch import torch_engine as backend
from pose3d_ros.engines.pytorch.torch_engine import TorchEngine
from pose3d_ros.engines.pytorch.torch_graph import TorchGraph
from pose3d_ros.engines.trial import difference, trial_feeds
from pose3d_ros.errors import EngineError

Make = Callable[..., ManifestEntry]
TORCH = BackendChoice("torch", "a test")


@dataclass
class Recording:
    """A `StreamDevice` in the host's memory. recorded: its recordings. runs: how often one was played."""

    works: bool = True
    recorded: int = 0
    runs: int = 0
    waited_for: list[TorchArray] = field(default_factory=list)
    torch_name: str = "cpu"

    @contextmanager
    def queued(self) -> Iterator[None]:
        yield

    def after(self, array: TorchArray) -> None:
        self.waited_for.append(array)

    def synchronize(self) -> None:
        """Nothing is ever under way."""

    def record(self, enqueue: Callable[[], bool]) -> Callable[[], None] | None:
        if not self.works:
            return None
        self.recorded += 1

        def replay() -> None:
            self.runs += 1
            enqueue()

        return replay


@pytest.fixture
def device() -> Recording:
    return Recording()


@pytest.fixture
def engine(adder: Path, device: Recording) -> TorchEngine:
    """total = a + b, same = n, on a device."""
    return TorchEngine("adder", TorchGraph(adder), device, status="a test")


def feeds(batch: int) -> dict[str, Any]:
    a = np.arange(batch * 3, dtype=np.float32).reshape(batch, 3)
    return {"a": a, "b": a * 10, "n": np.arange(batch) + 7}


def check(engine: TorchEngine, batch: int) -> None:
    answer = engine.infer(feeds(batch))
    np.testing.assert_array_equal(answer["total"], feeds(batch)["a"] * 11)
    np.testing.assert_array_equal(answer["same"], feeds(batch)["n"])


def test_batches_share_few_recordings(engine: TorchEngine, device: Recording) -> None:
    for batch in (1, 2, 3, 4, 3, 5, 8, 1):
        check(engine, batch)
    assert device.recorded == 4  # of 1, 2, 4 and 8
    assert device.runs == 8


def test_a_smaller_batch_does_not_see_the_one_before(engine: TorchEngine) -> None:
    check(engine, 4)
    check(engine, 3)


def test_answers_are_the_callers(engine: TorchEngine) -> None:
    first = engine.infer(feeds(2))["total"].copy()
    kept = engine.infer(feeds(2))["total"]
    engine.infer({**feeds(2), "a": np.full((2, 3), 99, np.float32)})
    np.testing.assert_array_equal(kept, first)


def test_what_can_not_be_recorded_runs_without(adder: Path) -> None:
    device = Recording(works=False)
    engine = TorchEngine("adder", TorchGraph(adder), device, status="a test")
    check(engine, 3)
    check(engine, 2)
    assert device.runs == 0


def test_the_slots_are_few(engine: TorchEngine, device: Recording) -> None:
    for exponent in range(10):
        check(engine, 2**exponent)
    check(engine, 512)
    assert device.recorded == 10
    check(engine, 1)  # it gave way to the ninth
    assert device.recorded == 11


def test_arrays_of_the_device_stay_there(engine: TorchEngine, device: Recording) -> None:
    array = TorchArray(torch.full((3, 3), 2.0))
    answer = engine.infer({**feeds(3), "b": array})
    np.testing.assert_array_equal(answer["total"], feeds(3)["a"] + 2)
    assert device.waited_for == [array]


def test_read_only_arrays_are_fine(engine: TorchEngine) -> None:
    array = np.ones((2, 3), np.float32)
    array.setflags(write=False)
    np.testing.assert_array_equal(engine.infer({**feeds(2), "a": array})["total"], 1 + feeds(2)["b"])


def test_a_failure_of_pytorch_is_an_engine_error(engine: TorchEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore")

    check(engine, 2)
    monkeypatch.setattr(Recording, "synchronize", fail)
    with pytest.raises(EngineError, match=r"got CUDA error: an illegal memory access was encountered\. See nvidia-smi"):
        check(engine, 2)


def test_on_the_cpu_it_agrees_with_onnxruntime() -> None:
    for entry in load_manifest(default_manifest_dir()).entries:
        options = EngineOptions(threads=1)
        with (
            open_engine(entry, BackendChoice("onnxruntime", "a test"), options) as reference,
            open_engine(entry, TORCH, options) as engine,
        ):
            assert engine.status == f"torch {torch.__version__} on the CPU"
            assert engine.load_image is None
            assert engine.inputs == reference.inputs
            given = trial_feeds(reference, entry, 1 if "detector" in entry.roles else 3)
            wanted, got = reference.infer(given), engine.infer(given)
        assert max(difference(wanted[name], got[name]) for name in wanted) < 1e-3


def test_an_operator_that_is_unknown_goes_to_onnxruntime(make_entry: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise EngineError("graph", expected="operators", got="Unheard", fix="Use onnxruntime.")

    monkeypatch.setattr("pose3d_ros.engines.pytorch.torch_graph.TorchGraph", refuse)
    with open_engine(make_entry(roles=("smoother",)), BackendChoice("torch", "a test", "onnxruntime")) as engine:
        assert engine.status.startswith("onnxruntime")
        assert "Unheard" in engine.problem


def test_without_a_driver_torch_is_not_even_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> Availability:
        raise AssertionError("torch was asked")

    monkeypatch.setattr(torch_device, "cuda_availability", asked)
    monkeypatch.setattr(backend, "_has_driver", lambda: False)
    assert backend.availability() == Availability(True, "torch on the CPU", preferred=False)


def test_a_gpu_makes_it_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "_has_driver", lambda: True)
    monkeypatch.setattr(torch_device, "cuda_availability", lambda: Availability(True, "NVIDIA Orin"))
    assert backend.availability() == Availability(True, "torch on NVIDIA Orin")
    monkeypatch.setattr(torch_device, "cuda_availability", lambda: Availability(False, "torch sees no GPU"))
    assert backend.availability() == Availability(True, "torch on the CPU (torch sees no GPU)", preferred=False)


def test_on_a_gpu_graphs_are_in_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[Path, bytes, str]] = []

    class Graph(TorchGraph):
        def __init__(self, path: Path, *, device: str = "cpu") -> None:
            made.append((path, path.read_bytes(), device))
            super().__init__(path)

    class Gpu(Recording):
        facts = torch_device.DeviceFacts("Some GPU", "8.7", 16, "12.6", "Linux")
        load_image = staticmethod(lambda image: image)

    monkeypatch.setattr("pose3d_ros.engines.pytorch.torch_graph.TorchGraph", Graph)
    monkeypatch.setattr(torch_device, "cuda_availability", lambda: Availability(True, "Some GPU"))
    monkeypatch.setattr(torch_device, "open_device", Gpu)
    manifest = load_manifest(default_manifest_dir())
    pose, smoother = manifest.for_role("pose"), manifest.for_role("smoother")
    with open_engine(pose, TORCH) as engine, open_engine(smoother, TORCH) as steady:
        assert engine.status.endswith("on Some GPU, fp16")
        assert engine.load_image is not None
        assert steady.status.endswith("on Some GPU, fp32")
        with open_engine(pose, BackendChoice("onnxruntime", "a test")) as reference:
            given = trial_feeds(reference, pose, 2)
            assert engine.infer(given).keys() == reference.infer(given).keys()
    (_, half, device), (path, _, _) = made
    assert device == "cuda"
    assert len(half) < 0.6 * pose.file.stat().st_size
    assert path == smoother.file
    with open_engine(pose, TORCH, EngineOptions(precision="fp32")) as engine:
        assert engine.status.endswith("fp32")


def test_a_gpu_without_room_goes_to_onnxruntime(make_entry: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gpu(Recording):
        facts = torch_device.DeviceFacts("Some GPU", "8.7", 16, "12.6", "Linux")

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nmore")

    monkeypatch.setattr("pose3d_ros.engines.pytorch.torch_graph.TorchGraph", full)
    monkeypatch.setattr(torch_device, "cuda_availability", lambda: Availability(True, "Some GPU"))
    monkeypatch.setattr(torch_device, "open_device", Gpu)
    with open_engine(make_entry(roles=("smoother",)), BackendChoice("torch", "a test", "onnxruntime")) as engine:
        assert engine.status.startswith("onnxruntime")
        assert "got CUDA out of memory." in engine.problem
