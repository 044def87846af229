"""The PyTorch backend on a CPU, as far as it goes without a GPU; test_torch_device.py has what needs one."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

pytest.importorskip("torch")

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
from pose3d_ros.engines.device import torch_device
from pose3d_ros.engines.graphs import fp16_conversion
from pose3d_ros.engines.pytorch import torch_engine as backend
from pose3d_ros.engines.pytorch.torch_engine import TorchEngine
from pose3d_ros.engines.spec.manifest import sha256_of
from pose3d_ros.errors import EngineError

from ..conftest import farthest, save_graph

Make = Callable[..., ManifestEntry]
TORCH, ONNX = BackendChoice("torch", "a test"), BackendChoice("onnxruntime", "a test")
MANIFEST = load_manifest(default_manifest_dir())
ON_CPU = EngineOptions(threads=1)
FP32, FP16 = 1e-4, 1e-2
"""How far outputs may be off, over the largest value or 1."""


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is one it is not used."""
    monkeypatch.setattr(torch_device, "cuda_availability", lambda: Availability(False, "a test"))


@pytest.mark.parametrize("entry", MANIFEST.entries, ids=lambda entry: entry.file.stem)
def test_default_engines_equal_onnxruntime(entry: ManifestEntry) -> None:
    with open_engine(entry, ONNX, ON_CPU) as reference, open_engine(entry, TORCH, ON_CPU) as engine:
        assert engine.status == f"torch {torch.__version__} on the CPU"
        assert engine.load_image is None
        assert engine.inputs == reference.inputs
        for batch in (1, 3, 4):
            assert farthest(reference, engine, entry, batch, seed=batch) < FP32


@pytest.mark.parametrize("role", ["region_detector", "pose"])
def test_mediapipe_models_equal_onnxruntime(mediapipe_models: Path, role: str) -> None:
    entry = load_manifest(mediapipe_models).for_role(role)
    with open_engine(entry, ONNX, ON_CPU) as reference, open_engine(entry, TORCH, ON_CPU) as engine:
        for batch in (1, 3, 4):
            assert farthest(reference, engine, entry, batch) < FP32


@pytest.mark.parametrize("role", ["detector", "pose"])
def test_half_precision_with_shared_weights_is_close_to_float32(make_device: Callable[..., Any], role: str) -> None:
    entry = MANIFEST.for_role(role)
    engine = TorchEngine(entry, make_device(), half=True, status="")
    with open_engine(entry, ONNX, ON_CPU) as reference:
        for batch in (1, 2):
            assert farthest(reference, engine, entry, batch) < FP16
    shared = list(engine._weights.values())
    halves = sum(weight.nbytes for weight in shared if weight.dtype == torch.float16)
    assert halves > 0.8 * sum(weight.nbytes for weight in shared)
    assert sum(weight.nbytes for weight in shared) < 0.6 * entry.file.stat().st_size  # once, not for each batch size


def saved(path: Path, node: Any, shape: list[int | str], *weights: Any) -> Path:
    """A graph of one node, from x to y."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, axes) for name, axes in (("x", shape), ("y", None)))
    return save_graph(path, [x], [y], [node], weights, valid=False)


def _bounds(*numbers: list[int]) -> tuple[Any, ...]:
    names = ("from", "to", "axes", "steps")
    return tuple(numpy_helper.from_array(np.array(n), name) for n, name in zip(numbers, names, strict=False))


BOUND = numpy_helper.from_array(np.array(0.5, np.float32), "bound")
NODES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "clip below": (helper.make_node("Clip", ["x", "bound"], ["y"]), (BOUND,)),
    "clip above": (helper.make_node("Clip", ["x", "", "bound"], ["y"]), (BOUND,)),
    "clip nothing": (helper.make_node("Clip", ["x"], ["y"]), ()),
    "columns to space": (helper.make_node("DepthToSpace", ["x"], ["y"], blocksize=2, mode="CRD"), ()),
    "depth to space": (helper.make_node("DepthToSpace", ["x"], ["y"], blocksize=2), ()),
    "enlarged": (
        helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="linear"),
        (numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"),),
    ),
    "gathered": (
        helper.make_node("Gather", ["x", "rows"], ["y"], axis=2),
        (numpy_helper.from_array(np.array([2, 0]), "rows"),),
    ),
    "sliced": (
        helper.make_node("Slice", ["x", "from", "to", "axes", "steps"], ["y"]),
        _bounds([1, 0], [8, 3], [1, -1], [3, 2]),
    ),
    "sliced at the end": (helper.make_node("Slice", ["x", "from", "to", "axes"], ["y"]), _bounds([-3], [2**62], [-1])),
    "sliced backwards": (
        helper.make_node("Slice", ["x", "from", "to", "axes", "steps"], ["y"]),
        _bounds([-1], [0], [2], [-1]),
    ),
    "split": (helper.make_node("Split", ["x"], ["y", "z"], axis=1), ()),
}


@pytest.mark.parametrize("name", NODES)
def test_rewritten_operators_equal_onnxruntime(tmp_path: Path, make_entry: Make, name: str) -> None:
    node, weights = NODES[name]
    path = saved(tmp_path / "one.onnx", node, ["batch", 8, 3, 4], *weights)
    entry = make_entry(file=path, sha256=sha256_of(path))
    given = {"x": np.random.default_rng(0).normal(size=(3, 8, 3, 4)).astype(np.float32)}
    with open_engine(entry, ONNX, ON_CPU) as reference, open_engine(entry, TORCH, ON_CPU) as engine:
        np.testing.assert_allclose(engine.infer(given)["y"], reference.infer(given)["y"], atol=1e-6)


def test_unknown_operator_falls_back_to_onnxruntime(tmp_path: Path, make_entry: Make) -> None:
    path = saved(tmp_path / "one.onnx", helper.make_node("Hardmax", ["x"], ["y"]), ["batch", 4])
    entry = make_entry(file=path, sha256=sha256_of(path))
    with pytest.raises(EngineError, match=r"operators that onnx2torch knows, got .*Hardmax"):
        open_engine(entry, TORCH, ON_CPU)
    with open_engine(entry, BackendChoice("torch", "a test", "onnxruntime"), ON_CPU) as engine:
        assert engine.status == "onnxruntime on the CPU"
        assert "Hardmax" in engine.problem


def test_impossible_shape_is_an_engine_error(tmp_path: Path, make_entry: Make) -> None:
    weight = numpy_helper.from_array(np.ones((4, 2), np.float32), "w")
    path = saved(tmp_path / "one.onnx", helper.make_node("MatMul", ["x", "w"], ["y"]), ["batch", "width"], weight)
    engine = TorchEngine(
        make_entry(file=path, sha256=sha256_of(path)), torch_device.TorchDevice("cpu"), half=False, status=""
    )
    with pytest.raises(EngineError, match="a graph for inputs of"):
        engine.infer({"x": np.ones((1, 3), np.float32)})


@pytest.mark.parametrize("missing", ["torch", "onnx2torch"])
def test_missing_package_is_named(make_entry: Make, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else "there")
    assert backend.availability() == Availability(False, f"{missing} not installed")
    with pytest.raises(EngineError, match="pip install torch onnx onnx2torch"):
        open_engine(make_entry(), TORCH)


def test_library_loads_without_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] in ("onnx2torch", "torchvision")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_NoTorchvision(), *sys.meta_path])
    library = backend._library()
    assert isinstance(library, ModuleType)
    assert callable(library.convert)
    assert "torchvision" not in sys.modules
    assert backend._library() is library


class _NoTorchvision:
    """Refuses the package."""

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")


def test_torch_is_not_imported_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_device, "cuda_availability", lambda: pytest.fail("torch was asked"))
    monkeypatch.setattr(backend, "_has_driver", lambda: False)
    assert backend.availability() == Availability(True, "torch on the CPU", preferred=False)


@pytest.mark.parametrize(
    ("gpu", "wanted"),
    [
        (Availability(True, "NVIDIA Orin"), Availability(True, "torch on NVIDIA Orin")),
        (
            Availability(False, "torch sees no GPU"),
            Availability(True, "torch on the CPU (torch sees no GPU)", preferred=False),
        ),
    ],
)
def test_gpu_makes_torch_preferred(monkeypatch: pytest.MonkeyPatch, gpu: Availability, wanted: Availability) -> None:
    monkeypatch.setattr(backend, "_has_driver", lambda: True)
    monkeypatch.setattr(torch_device, "cuda_availability", lambda: gpu)
    assert backend.availability() == wanted


@pytest.fixture
def gpu(no_gpu: None, monkeypatch: pytest.MonkeyPatch, make_device: Callable[..., Any]) -> None:
    """A device that says it is a GPU."""

    class Gpu(make_device):  # type: ignore[misc,valid-type]
        facts = torch_device.DeviceFacts("Some GPU", "8.7", 16, "12.6", "Linux")

    monkeypatch.setattr(torch_device, "cuda_availability", lambda: Availability(True, "Some GPU"))
    monkeypatch.setattr(torch_device, "open_device", Gpu)


@pytest.mark.usefixtures("gpu")
def test_image_nets_are_in_half_precision_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_half(entry: ManifestEntry, options: EngineOptions | None = None) -> bool:
        with open_engine(entry, TORCH, options) as engine:
            assert isinstance(engine, TorchEngine)
            assert engine.status.endswith("on Some GPU, fp16") is engine._half
            return engine._half

    def refuse(*_: object) -> None:
        raise EngineError("graph", expected="weights", got="1e9", fix="None.")

    pose = MANIFEST.for_role("pose")
    assert is_half(pose)
    assert not is_half(MANIFEST.for_role("smoother"))
    assert not is_half(pose, EngineOptions(precision="fp32"))
    monkeypatch.setattr(fp16_conversion, "half_graph", refuse)
    assert not is_half(pose)


@pytest.mark.usefixtures("gpu")
def test_gpu_without_room_falls_back_to_onnxruntime(make_entry: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nmore")

    monkeypatch.setattr(TorchEngine, "_upload_weights", full)
    with open_engine(make_entry(), BackendChoice("torch", "a test", "onnxruntime")) as engine:
        assert engine.status.startswith("onnxruntime")
        assert "got too little memory on the GPU" in engine.problem
