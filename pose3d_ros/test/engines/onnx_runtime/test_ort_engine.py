"""The ONNX Runtime backend on graphs built here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto, helper

from pose3d_ros.engines import OnnxEngine, TensorSpec
from pose3d_ros.engines.onnx_runtime import ort_engine as backend
from pose3d_ros.engines.onnx_runtime.ort_engine import _providers
from pose3d_ros.errors import EngineError


def feeds(batch: int) -> dict[str, npt.NDArray[Any]]:
    a = np.arange(batch * 3, dtype=np.float32).reshape(batch, 3)
    return {"a": a, "b": 2 * a, "n": np.arange(batch)}


def save(path: Path, inputs: list[Any], outputs: list[Any], nodes: list[Any]) -> Path:
    from onnx import save as save_model

    graph = helper.make_graph(nodes, "tiny", inputs, outputs)
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_specs(adder: Path) -> None:
    with OnnxEngine(adder) as engine:
        assert engine.name == "adder.onnx"
        assert engine.inputs == (
            TensorSpec("a", ("batch", 3), "float32"),
            TensorSpec("b", ("batch", 3), "float32"),
            TensorSpec("n", ("batch",), "int64"),
        )
        assert engine.outputs == (TensorSpec("total", ("batch", 3), "float32"), TensorSpec("same", ("batch",), "int64"))


@pytest.mark.parametrize("batch", [1, 2, 9])
@pytest.mark.parametrize("spinning", [False, True])
def test_dynamic_batch(adder: Path, batch: int, spinning: bool) -> None:
    with OnnxEngine(str(adder), threads=1, allow_spinning=spinning) as engine:
        given = feeds(batch)
        result = engine.infer(given)
    assert list(result) == ["total", "same"]
    np.testing.assert_array_equal(result["total"], 3 * given["a"])
    np.testing.assert_array_equal(result["same"], given["n"])


def test_batches_of_different_sizes_in_turn(adder: Path) -> None:
    with OnnxEngine(adder, threads=1) as engine:
        for batch in (3, 1, 5):
            assert engine.infer(feeds(batch))["total"].shape == (batch, 3)


def test_session_options_reach_the_runtime(adder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    seen = []
    make = onnxruntime.InferenceSession

    def spy(path: str, options: onnxruntime.SessionOptions, providers: list[str]) -> onnxruntime.InferenceSession:
        seen.append(options)
        return make(path, options, providers=providers)

    monkeypatch.setattr(onnxruntime, "InferenceSession", spy)
    OnnxEngine(adder, threads=2).close()
    OnnxEngine(adder, allow_spinning=True).close()
    assert [o.intra_op_num_threads for o in seen] == [2, 0]
    assert [o.get_session_config_entry("session.intra_op.allow_spinning") for o in seen] == ["0", "1"]


def test_wrong_arrays(adder: Path) -> None:
    with OnnxEngine(adder, threads=1) as engine:
        with pytest.raises(EngineError, match=r"input a of adder\.onnx: expected float32"):
            engine.infer({**feeds(2), "a": np.zeros((2, 3))})
        with pytest.raises(EngineError, match=r"got float32 \(2, 4\)"):
            engine.infer({**feeds(2), "a": np.zeros((2, 4), np.float32)})
        with pytest.raises(EngineError, match="batch is 2 in a"):
            engine.infer({**feeds(2), "n": np.arange(3)})
        with pytest.raises(EngineError, match="expected a, b, n, got a, b, m"):
            engine.infer({"a": np.zeros((2, 3)), "b": np.zeros((2, 3)), "m": np.zeros(2)})
        assert engine.infer(feeds(2))["total"].shape == (2, 3)


def test_use_after_close(adder: Path) -> None:
    engine = OnnxEngine(adder, threads=1)
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.infer(feeds(1))


def test_axes_without_a_name_are_free_of_each_other(tmp_path: Path) -> None:
    path = save(
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


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no such file"):
        OnnxEngine(tmp_path / "none.onnx")
    with pytest.raises(EngineError, match="no such file"):
        OnnxEngine(tmp_path)


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x00\xff" * 200])
def test_corrupt_file(tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(EngineError, match="a valid ONNX graph"):
        OnnxEngine(path)
    assert capfd.readouterr() == ("", "")


def test_truncated_file(adder: Path) -> None:
    adder.write_bytes(adder.read_bytes()[:-40])
    with pytest.raises(EngineError, match="a valid ONNX graph"):
        OnnxEngine(adder)


def test_unknown_operator(tmp_path: Path) -> None:
    path = save(
        tmp_path / "odd.onnx",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
        [helper.make_node("Levitate", ["x"], ["y"])],
    )
    with pytest.raises(EngineError, match="Levitate"):
        OnnxEngine(path)


def test_inputs_that_are_no_numbers(tmp_path: Path) -> None:
    path = save(
        tmp_path / "text.onnx",
        [helper.make_tensor_value_info("x", TensorProto.STRING, [1])],
        [helper.make_tensor_value_info("y", TensorProto.STRING, [1])],
        [helper.make_node("Identity", ["x"], ["y"])],
    )
    with pytest.raises(EngineError, match=r"a tensor of numbers, got tensor\(string\)"):
        OnnxEngine(path)


def test_bad_thread_count(adder: Path) -> None:
    with pytest.raises(EngineError, match="0 or more threads"):
        OnnxEngine(adder, threads=-1)


def test_without_onnxruntime(adder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EngineError, match="pip install onnxruntime"):
        OnnxEngine(adder)
    found = backend.availability()
    assert not found.usable
    assert "pip install onnxruntime" in found.reason


def test_availability() -> None:
    found = backend.availability()
    assert found.usable
    assert "onnxruntime" in found.reason


class _Runtime:
    """An onnxruntime-gpu, as far as providers go."""

    def __init__(self, *providers: str) -> None:
        self.providers = [*providers, "CPUExecutionProvider"]

    def get_available_providers(self) -> list[str]:
        return self.providers


def test_auto_takes_the_gpu_of_a_build_that_has_one() -> None:
    gpu = _Runtime("TensorrtExecutionProvider", "CUDAExecutionProvider")
    assert [name for name, _ in _providers(gpu, "auto", None)] == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert _providers(gpu, "cpu", None) == [("CPUExecutionProvider", {})]
    assert _providers(_Runtime(), "auto", None) == [("CPUExecutionProvider", {})]


def test_its_tensorrt_keeps_its_plans(tmp_path: Path) -> None:
    gpu = _Runtime("TensorrtExecutionProvider", "CUDAExecutionProvider")
    (name, options), *others = _providers(gpu, "tensorrt", tmp_path)
    assert (name, options["trt_engine_cache_path"]) == ("TensorrtExecutionProvider", str(tmp_path))
    assert "trt_fp16_enable" not in options
    assert [other for other, _ in others] == ["CUDAExecutionProvider", "CPUExecutionProvider"]


@pytest.mark.parametrize("provider", ["cuda", "tensorrt", "rocm"])
def test_a_provider_that_is_not_there(adder: Path, provider: str) -> None:
    with pytest.raises(EngineError, match="onnx_provider"):
        OnnxEngine(adder, provider=provider)


def test_the_status_says_where_it_runs(adder: Path) -> None:
    with OnnxEngine(adder, provider="auto") as engine:
        assert engine.status == "onnxruntime on the CPU"
