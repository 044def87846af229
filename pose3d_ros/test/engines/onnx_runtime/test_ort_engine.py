"""The ONNX Runtime backend on graphs built here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

pytest.importorskip("torch")

import torch

from pose3d_ros.engines import (
    BackendChoice,
    EngineOptions,
    ManifestEntry,
    TensorSpec,
    default_manifest_dir,
    load_manifest,
    open_engine,
)
from pose3d_ros.engines.base import Availability
from pose3d_ros.engines.device.torch_device import TorchDevice
from pose3d_ros.engines.images.device_image import TorchArray
from pose3d_ros.engines.onnx_runtime import ort_engine as backend
from pose3d_ros.engines.onnx_runtime.ort_engine import BoundOnnxEngine, OnnxEngine
from pose3d_ros.errors import EngineError

from ..conftest import adder_feeds, farthest, save_graph


def test_specs_are_those_of_the_graph(adder: Path) -> None:
    with OnnxEngine(adder) as engine:
        assert engine.name == "adder.onnx"
        assert engine.inputs == (
            TensorSpec("a", ("batch", 3), "float32"),
            TensorSpec("b", ("batch", 3), "float32"),
            TensorSpec("n", ("batch",), "int64"),
        )
        assert engine.outputs == (TensorSpec("total", ("batch", 3), "float32"), TensorSpec("same", ("batch",), "int64"))


@pytest.mark.parametrize("batch", [1, 2, 9])
def test_dynamic_batch_runs_any_batch_size(adder: Path, batch: int) -> None:
    with OnnxEngine(str(adder), threads=1) as engine:
        given = adder_feeds(batch)
        result = engine.infer(given)
    assert list(result) == ["total", "same"]
    np.testing.assert_array_equal(result["total"], 3 * given["a"])
    np.testing.assert_array_equal(result["same"], given["n"])


def test_session_options_reach_the_runtime(adder: Path) -> None:
    with mock.patch.object(onnxruntime, "InferenceSession", wraps=onnxruntime.InferenceSession) as made:
        OnnxEngine(adder, threads=2).close()
        OnnxEngine(adder).close()
    seen = [call.args[1] for call in made.call_args_list]
    assert [o.intra_op_num_threads for o in seen] == [2, 0]
    assert [o.get_session_config_entry("session.intra_op.allow_spinning") for o in seen] == ["0", "0"]


def test_unnamed_axes_are_independent(tmp_path: Path) -> None:
    path = save_graph(
        tmp_path / "free.onnx",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, None]) for n in "ab"],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [None, None])],
        [helper.make_node("MatMul", ["a", "b"], ["out"])],
    )
    with OnnxEngine(path, threads=1) as engine:
        assert len({axis for spec in engine.inputs for axis in spec.shape}) == 4
        a, b = np.ones((2, 5), np.float32), np.ones((5, 3), np.float32)
        np.testing.assert_array_equal(engine.infer({"a": a, "b": b})["out"], np.full((2, 3), 5.0))
        # The specs can't know that the inner lengths must agree: the runtime's complaint becomes ours.
        with pytest.raises(EngineError, match="expected a run without an error"):
            engine.infer({"a": a, "b": a})


@pytest.mark.parametrize("content", [None, b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x00\xff" * 200])
def test_corrupt_file_is_an_error(
    tmp_path: Path, adder: Path, content: bytes | None, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(adder.read_bytes()[:-40] if content is None else content)
    with pytest.raises(EngineError, match="expected an ONNX"):
        OnnxEngine(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("operator", "kind", "message"),
    [
        ("Levitate", TensorProto.FLOAT, "Levitate"),
        ("Identity", TensorProto.STRING, r"a tensor of numbers, got tensor\(string\)"),
    ],
)
def test_unknown_operators_and_inputs_that_are_no_numbers(
    tmp_path: Path, operator: str, kind: int, message: str
) -> None:
    x, y = (helper.make_tensor_value_info(name, kind, [1]) for name in "xy")
    path = save_graph(tmp_path / "odd.onnx", [x], [y], [helper.make_node(operator, ["x"], ["y"])], valid=False)
    with pytest.raises(EngineError, match=message):
        OnnxEngine(path)


def test_missing_onnxruntime_is_an_error(adder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EngineError, match="pip install onnxruntime"):
        OnnxEngine(adder)
    found = backend.availability()
    assert not found.usable
    assert "pip install onnxruntime" in found.reason


CUDA, TENSORRT, CPU = "CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"


@pytest.fixture
def gpu_build(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Make the runtime say that its build has a GPU; what its sessions were asked for. They run on the CPU."""
    asked: list[tuple[Any, ...]] = []
    session = onnxruntime.InferenceSession

    def open_session(path: str, options: Any, providers: list[tuple[str, dict[str, str]]], **_: int) -> Any:
        asked.extend(providers)
        return session(path, options, providers=[CPU])

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])
    monkeypatch.setattr(onnxruntime, "InferenceSession", open_session)
    return asked


@pytest.mark.parametrize(
    ("provider", "asked"),
    [("auto", [CUDA, CPU]), ("cpu", [CPU]), ("cuda", [CUDA, CPU]), ("tensorrt", [TENSORRT, CUDA, CPU])],
)
def test_provider_decides_where_a_gpu_build_runs(
    adder: Path, tmp_path: Path, gpu_build: list[tuple[Any, ...]], provider: str, asked: list[str]
) -> None:
    with OnnxEngine(adder, provider=provider, cache_dir=tmp_path) as engine:
        assert [name for name, _ in gpu_build] == asked
        assert dict(gpu_build).get(TENSORRT, {}).get("trt_engine_cache_path", str(tmp_path)) == str(tmp_path)
        assert engine.status == "onnxruntime on the CPU"
        assert ("could not be used, see nvidia-smi" in engine.problem) is (provider != "cpu")


@pytest.mark.parametrize("has_gpu", [True, False])
def test_gpu_build_is_preferred_where_a_gpu_is(
    monkeypatch: pytest.MonkeyPatch, gpu_build: list[tuple[Any, ...]], has_gpu: bool
) -> None:
    monkeypatch.setattr(backend, "cuda_availability", lambda: Availability(has_gpu, "a test"))
    found = backend.availability()
    assert found.usable
    assert found.preferred is has_gpu
    assert found.reason.endswith("on the GPU")


@pytest.mark.parametrize("entry", load_manifest(default_manifest_dir()).entries, ids=lambda entry: entry.file.stem)
def test_bound_memory_gives_the_same_numbers(entry: ManifestEntry) -> None:
    device = TorchDevice("cpu")
    with OnnxEngine(entry.file, threads=1) as fed, BoundOnnxEngine(entry.file, device, threads=1) as bound:
        assert (bound.inputs, bound.outputs) == (fed.inputs, fed.outputs)
        assert bound.status == fed.status
        for batch in (1, 3, 4, 3):
            assert farthest(fed, bound, entry, batch, seed=batch) < 1e-6


def test_bound_memory_takes_crops_from_the_device(adder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TorchArray, "numpy", lambda self: pytest.fail("copied to the host"))
    feeds = {name: TorchArray(torch.full((3, 3), value)) for name, value in (("a", 2.0), ("b", 3.0))}
    with BoundOnnxEngine(adder, TorchDevice("cpu")) as engine:
        answer = engine.infer({**feeds, "n": np.arange(3)})
    np.testing.assert_array_equal(answer["total"], np.full((3, 3), 5.0))
    np.testing.assert_array_equal(answer["same"], np.arange(3))


def test_gpu_engine_runs_on_the_devices_stream_or_not_at_all(
    make_entry: Callable[..., ManifestEntry], gpu_build: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gpu(TorchDevice):
        on_gpu, index, stream = True, 1, 77

        def __init__(self) -> None:
            self.torch_name = "cuda"

    monkeypatch.setattr(backend, "cuda_availability", lambda: Availability(True, "a test"))
    monkeypatch.setattr(backend, "open_device", Gpu)
    with pytest.raises(EngineError, match="expected onnxruntime on the GPU, got the CPU"):
        backend.open_model(make_entry(), EngineOptions(provider="cuda"))
    assert gpu_build[0] == (CUDA, {"device_id": "1", "user_compute_stream": "77"})
    gpu_build.clear()
    with backend.open_model(make_entry(roles=("smoother",)), EngineOptions()):  # whose joints TF32 would round
        assert gpu_build[0][1]["use_tf32"] == "0"
    with open_engine(make_entry(), BackendChoice("onnxruntime", "a test", "onnxruntime")) as engine:
        assert engine.status == "onnxruntime on the CPU"
        assert engine.problem == "the GPU could not be used, see nvidia-smi"


@pytest.mark.parametrize(
    ("file", "arguments", "message"),
    [
        ("none.onnx", {}, "no such file"),
        (".", {}, "got a folder"),
        ("adder.onnx", {"threads": -1}, "0 or more threads"),
        *(("adder.onnx", {"provider": provider}, "onnx_provider") for provider in ("cuda", "tensorrt", "rocm")),
    ],
)
def test_missing_file_provider_or_wrong_thread_count_is_an_error(
    adder: Path, monkeypatch: pytest.MonkeyPatch, file: str, arguments: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: [CPU])
    with pytest.raises(EngineError, match=message):
        OnnxEngine(adder.parent / file, **arguments)
