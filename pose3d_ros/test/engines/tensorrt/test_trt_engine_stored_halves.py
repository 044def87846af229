"""Graphs with weights stored in float16, as MediaPipe's are, on every version of TensorRT's stand-in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attr
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pose3d_ros.engines import BackendChoice, EngineOptions, ManifestEntry, load_manifest, open_engine
from pose3d_ros.engines.graphs.onnx_graph import store_halves
from pose3d_ros.engines.onnx_runtime.ort_engine import OnnxEngine
from pose3d_ros.engines.spec.manifest import sha256_of
from pose3d_ros.engines.tensorrt.plan_cache import PlanCache
from pose3d_ros.engines.tensorrt.plan_loading import plan_key

from ..conftest import farthest, save_graph
from .tensorrt_stand_in import VERSIONS, read_plan
from .tensorrt_stand_in.stand_in_device import FACTS, install_stand_in

TENSORRT = BackendChoice("tensorrt", "a test")


@pytest.fixture
def halved(tmp_path: Path, make_entry: Callable[..., ManifestEntry]) -> ManifestEntry:
    """A convolution over images whose weights lie in float16 in the file."""
    weights = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float16).astype(np.float32)
    image: list[str | int | None] = ["batch", 3, 256, 192]
    path = save_graph(
        tmp_path / "float.onnx",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, image)],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["batch", 4, 254, 190])],
        [helper.make_node("Conv", ["image", "w"], ["linear"]), helper.make_node("Relu", ["linear"], ["maps"])],
        (numpy_helper.from_array(weights, "w"),),
    )
    stored = tmp_path / "halved.onnx"
    onnx.save(store_halves(onnx.load(str(path))), str(stored))
    return make_entry(roles=("pose",), file=stored, sha256=sha256_of(stored))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("fp16", 0.02), ("int8", 0.02)])
def test_every_version_builds_them(
    halved: ManifestEntry,
    version: str,
    precision: str,
    tolerance: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install_stand_in(monkeypatch, version)
    refused = {"int8_refused": "it moves joints"} if precision == "int8" else {}
    entry = attr.evolve(halved, parameters=refused)
    options = EngineOptions(cache_dir=tmp_path / "plans", max_people=4, precision=precision, threads=1)
    with OnnxEngine(entry.file, threads=1) as reference, open_engine(entry, TENSORRT, options) as engine:
        for batch in (1, 3):
            assert farthest(reference, engine, entry, batch) < tolerance
    key = plan_key(entry, options, FACTS)
    assert key.precision == ("fp32" if precision == "fp32" else "fp16")
    data, _ = PlanCache(options.cache_dir).look_up(key)
    assert data is not None
    assert read_plan(data).strongly_typed != version.startswith("8")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ["region_detector", "pose"])
def test_mediapipe_models_equal_onnxruntime(
    mediapipe_models: Path, role: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_stand_in(monkeypatch, version)
    entry = load_manifest(mediapipe_models).for_role(role)
    options = EngineOptions(cache_dir=tmp_path / "plans", max_people=4, precision="auto", threads=1)
    with OnnxEngine(entry.file, threads=1) as reference, open_engine(entry, TENSORRT, options) as engine:
        assert farthest(reference, engine, entry, 3) < 0.03  # of noise; of people 0.14 px and 3 mm
    assert plan_key(entry, options, FACTS).precision == "fp16"
